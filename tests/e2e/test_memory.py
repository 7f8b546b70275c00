"""The memory of a worker is bounded by its settings, not by what is sent to it."""

from __future__ import annotations

import gzip
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.support.exporter import CONTENT_TYPES, Encoding, Exporter, RefusedError, Transport
from tests.support.factory import span
from tests.support.system import System
from tests.support.wire import attribute, delimited, request_of_spans
from tracedata import Span

# The budget under overload. A hundred and fifty of it are Presidio, what that imports, and what it compiles.
_MAX_MIB = 400
# Without a delay it is the client that speaks: no connection came about in time.
_RETRYABLE = {"503 later", "UNAVAILABLE later", "UNAVAILABLE"}
_COUNT = 10 * 1024 * 1024
_MOST_TRIES = 60
_SENDERS = 32
_SPANS = 38
_PATIENCE_S = 3.0


@pytest.fixture(scope="module")
def worker() -> Iterator[System]:
    # Not pytest's own folder, for the reason that ``data_folder`` has.
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder, System(Path(folder), workers=1) as running:
        yield running


def _peak_mib(system: System) -> int:
    """The most memory that the worker ever had."""
    (pid,) = system.ready.pids.workers
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) // 1024


def _bombs() -> list[tuple[str, bytes]]:
    in_a_span = [delimited(1, delimited(2, delimited(2, tag * _COUNT))) for tag in (b"\x5a\x00", b"\x4a\x00")]
    zeros = bytes(500 * 1024 * 1024)
    json = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * (_COUNT // 2) + b"{}]}]}]}"
    # As many events as are let through.
    allowed = delimited(1, delimited(2, delimited(2, b"\x5a\x00" * 1_249_000)))
    plain = [
        ("protobuf", b"\x0a\x00" * _COUNT),
        *(("protobuf", bomb) for bomb in in_a_span),
        ("protobuf", zeros),
        ("json", json),
        ("protobuf", allowed),
    ]
    return [(encoding, gzip.compress(body, 1)) for encoding, body in plain]


def test_a_request_of_many_spans_is_taken_beside_others(worker: System) -> None:
    """A third of a million spans without anything in them, and a small request that does not wait for them."""
    sent = span()
    ids = delimited(1, sent.trace_id)
    spans = (ids + delimited(2, number.to_bytes(8, "big")) for number in range(1, 300_001))
    body = gzip.compress(request_of_spans(*spans), 1)

    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(_detonate, worker, "protobuf", body)
        longest = 0.0
        while not large.done():
            begun = time.monotonic()
            with Exporter(worker.ready, Transport("protobuf")) as exporter:
                exporter.export([span()])
            longest = max(longest, time.monotonic() - begun)

    assert large.result() == 200
    assert worker.get(f"/api/v1/traces/{sent.trace_id.hex()}")["spanCount"] == 300_000
    assert longest < _PATIENCE_S
    assert _peak_mib(worker) < _MAX_MIB


def test_fifty_bombs_take_no_more_memory_than_one(worker: System) -> None:
    bombs = _bombs()
    (before,) = worker.ready.pids.workers

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(lambda number: _detonate(worker, *bombs[number % len(bombs)]), range(50)))

    assert set(codes) <= {200, 413}
    assert codes.count(413) > 10
    assert worker.ready.pids.workers == [before]
    assert _peak_mib(worker) < _MAX_MIB, codes


def _detonate(system: System, encoding: str, body: bytes) -> int:
    """Sends the body again for as long as there is no room for it, as a sender would."""
    url = f"http://127.0.0.1:{system.ready.otlp_http}/v1/traces"
    headers = {"content-type": CONTENT_TYPES[encoding], "content-encoding": "gzip"}
    code = 0
    for _ in range(_MOST_TRIES):
        answer = httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False)
        code = answer.status_code
        if code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(float(answer.headers["retry-after"]))
    return code


class _Outcome(NamedTuple):
    sent: Span
    refusal: str


@pytest.mark.parametrize("encoding", ["grpc", "protobuf", "json"])
def test_ten_times_too_much_is_refused_as_retryable_and_the_rest_is_stored(worker: System, encoding: Encoding) -> None:
    """Each of the senders alone has more than half of what is admitted at a time."""
    text = secrets.token_hex(256 * 1024)

    def overload(_: int) -> _Outcome:
        sent = span()
        body = _large(sent, text, encoding)
        with Exporter(worker.ready, Transport(encoding)) as exporter:
            try:
                exporter.export_bytes(body)
            except RefusedError as exc:
                return _Outcome(sent, exc.code if exc.retry_after_s is None else f"{exc.code} later")
        return _Outcome(sent, "")

    with ThreadPoolExecutor(_SENDERS) as pool:
        outcomes = list(pool.map(overload, range(_SENDERS)))

    refusals = {outcome.refusal for outcome in outcomes} - {""}
    assert refusals <= _RETRYABLE
    acknowledged = [outcome.sent for outcome in outcomes if not outcome.refusal]
    assert acknowledged
    for sent in acknowledged:
        assert worker.get(f"/api/v1/traces/{sent.trace_id.hex()}")["spanCount"] == _SPANS
    assert _peak_mib(worker) < _MAX_MIB


def _large(sent: Span, text: str, encoding: Encoding) -> bytes:
    """About 19 MiB in a few spans, as conversations make them."""
    ids = [number.to_bytes(8, "big") for number in range(1, _SPANS + 1)]
    trace_id = sent.trace_id
    if encoding == "json":
        value = f'"attributes":[{{"key":"prompt","value":{{"stringValue":"{text}"}}}}]'
        spans = ",".join(f'{{"traceId":"{trace_id.hex()}","spanId":"{one.hex()}",{value}}}' for one in ids)
        return f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}'.encode()
    prompt = attribute("prompt", delimited(1, text.encode()))
    return request_of_spans(*(delimited(1, trace_id) + delimited(2, one) + prompt for one in ids))
