"""A whole system sends on what it stored: to a backend that is away at first, and to a file for each worker."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from receiver import otlp_json
from tests.support import factory
from tests.support.destination import GrpcDestination
from tests.support.exporter import Exporter, Transport
from tests.support.system import System
from tests.support.waiting_async import until
from tracedata import Span

_TOKEN = "hunter2"
_ADDRESS = "jane.doe@example.com"
_CONFIG = """
exporters:
  otlp/away:
    endpoint: http://127.0.0.1:{port}
    headers: {{authorization: Bearer {token}}}
    timeout_s: 2
    retry_on_failure: {{initial_interval_s: 0.1, max_interval_s: 0.2}}
  file/spans:
    path: {folder}/out/spans.jsonl
    signals: [traces]
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _send(system: System, spans: Sequence[Span]) -> None:
    for start in range(0, len(spans), 10):
        # Each has a connection of its own, so that both workers get some.
        with Exporter(system.ready, Transport("grpc")) as exporter:
            exporter.export(spans[start : start + 10])


def _ids(spans: Sequence[Span]) -> Counter[bytes]:
    return Counter(span.trace_id + span.span_id for span in spans)


def _sent(system: System) -> int:
    text = system.ask("/metrics").text
    return sum(
        int(float(number))
        for number in re.findall(r'^relayscope_forward_sent_total\{exporter="otlp/away".*\} (.+)$', text, re.MULTILINE)
    )


async def test_what_was_stored_is_sent_on(data_folder: Path) -> None:
    config = data_folder / "relayscope.yaml"
    port = _free_port()
    config.write_text(_CONFIG.format(port=port, token=_TOKEN, folder=data_folder))
    spans = [
        factory.span(name=f"mail to {_ADDRESS}", attributes={"to": [_ADDRESS], "n": 1.0, "m": 1}) for _ in range(200)
    ]
    destination = GrpcDestination()
    with System(data_folder, "--config", str(config)) as system:
        # All are acknowledged while nobody listens there.
        await asyncio.to_thread(_send, system, spans)
        await destination.start(port)
        await destination.backend.has(200)
        await until(lambda: _sent(system) == 200, "all are counted")
        log = system.log
    await destination.aclose()
    files = sorted((data_folder / "out").iterdir())
    written = [
        span
        for path in files
        for line in path.read_bytes().splitlines()
        for span in otlp_json.decode_traces(line, 1).spans
    ]
    assert [path.name for path in files] == ["spans.api.jsonl", "spans.ingest-0.jsonl", "spans.ingest-1.jsonl"]
    assert _ids(destination.backend.spans) == _ids(written) == _ids(spans)
    assert destination.backend.requests[0].headers["authorization"] == f"Bearer {_TOKEN}"
    for one in (*destination.backend.spans, *written):
        assert (one.name, one.attributes) == (
            "mail to <EMAIL_ADDRESS>",
            {"to": ["<EMAIL_ADDRESS>"], "n": 1.0, "m": 1},
        )
    assert "exporter otlp/away: the destination does not take requests (UNAVAILABLE); trying again" in log
    assert not [secret for secret in (_TOKEN, "jane") if secret in system.log]
