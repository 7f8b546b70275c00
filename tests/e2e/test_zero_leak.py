"""No raw value anywhere: canaries in every place that takes text, then a search of everything that was written or answered.

``RELAYSCOPE_TEST_LEAK_SPANS=100000`` sends more than the thousand spans of every run.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from psycopg import sql

from relayscope.supervisor import Ready
from tests.support.exporter import TRANSPORTS, Exporter
from tests.support.factory import full_log_record, full_span, trace_id
from tests.support.system import System
from tracedata import Event, Link, LogRecord, Resource, Scope, Span, Value

_SPANS = int(os.environ.get("RELAYSCOPE_TEST_LEAK_SPANS", "1000"))
_TIMES = "query.startTimeMin=1971-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z"
_SPANS_PER_REQUEST = 50
_RECORDS_PER_REQUEST = 20
_LEAK = re.compile(rb"leak[0-9]{9}x")
# Base64 of ``leak``, wherever it begins in three bytes.
_LEAK_BASE64 = re.compile(rb"bGVha[0-9A-Za-z]{8}|xlYW[s-v][0-9A-Za-z]{8}|sZWFr[0-9A-Za-z]{8}")
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname IN ('relayscope', 'public')
"""


class _Canaries:
    """Addresses that stand nowhere else, each of them once."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def email(self) -> str:
        return f"leak{next(self._numbers):09}x@canary.example.com"

    def card(self) -> int:
        body = f"4{next(self._numbers):014}"
        total = sum(
            sum(divmod(2 * int(digit), 10)) if place % 2 == 0 else int(digit)
            for place, digit in enumerate(reversed(body))
        )
        return int(f"{body}{-total % 10}")


def _in_base64(text: str) -> str:
    return base64.b64encode(f"the address is {text}, thank you".encode()).decode()


def _planted(canaries: _Canaries, trace: bytes, number: int) -> Span:
    """A span with a canary in every place."""
    one = canaries.email
    nested = json.dumps({"a": [{"b": json.dumps({"c": one()})}]})
    return full_span(
        trace_id=trace,
        span_id=number.to_bytes(8, "big"),
        start_time_unix_nano=time.time_ns(),
        end_time_unix_nano=time.time_ns() + 1000,
        name=f"GET /users/{one()}",
        trace_state=f"vendor={one()}",
        status_message=f"no such user {one()}",
        attributes={
            "user.note": f"write to {one()} please",
            f"key.{one()}": "x",
            "json": json.dumps({"mail": one(), "list": [one()], one(): 1}),
            "nested": nested,
            "escaped": json.dumps({"mail": one()}).replace("@", "\\u0040"),
            "percent": f"?q={quote(one())}&x=1",
            "html": one().replace("@", "&#64;"),
            "base64": _in_base64(one()),
            "wide": one().replace("@", "\uff20").replace("canary", "ca\u200bnary"),
            "card": canaries.card(),
            "card.double": float(canaries.card()),
            "list": [one(), [one()], {"deep": one()}],
            "map": {"mail": one(), one(): "x", "card": canaries.card()},
            "bytes": one().encode(),
            "binary": b"\xff\x00" + one().encode() + b"\xfe",
            "exception.stacktrace": f'Traceback:\n  File "x.py", line 1\nValueError: {one()}',
            "service.version": one(),
            "gen_ai.request.model": one(),
            "id": one(),
            "password": f"hunter-{one()}",
        },
        events=[Event(name=f"sent to {one()}", attributes={"to": one(), one(): "x"}, time_unix_nano=time.time_ns())],
        links=[
            Link(trace_id=trace, span_id=number.to_bytes(8, "big"), trace_state=f"a={one()}", attributes={"by": one()})
        ],
        resource=Resource(
            attributes={"service.name": f"checkout {one()}", "owner": one(), one(): "x"},
            schema_url=f"https://x/{one()}",
        ),
        scope=Scope(name=f"lib {one()}", version=one(), attributes={"author": one()}, schema_url=f"https://y/{one()}"),
        redactions={},
        redacted_keys={},
        redaction_policy="",
    )


def _planted_record(canaries: _Canaries, trace: bytes, number: int) -> LogRecord:
    """A log record with a canary in every place; every third one has a body of text, every third one of bytes."""
    one = canaries.email
    bodies: Sequence[Value] = (
        {
            "content": f"write to {one()}",
            one(): [one(), {"deep": json.dumps({"mail": one()})}],
            "card": canaries.card(),
            "raw": one().encode(),
            "password": f"hunter-{one()}",
        },
        f"{one()} said {json.dumps({'mail': one(), 'base64': _in_base64(one())})} and {quote(one())}",
        b"\xff\x00" + one().encode() + b"\xfe",
    )
    return full_log_record(
        trace_id=trace if number % 2 else b"",
        span_id=number.to_bytes(8, "big"),
        time_unix_nano=time.time_ns(),
        observed_time_unix_nano=time.time_ns(),
        event_name=f"event {one()}",
        severity_text=f"info {one()}",
        body=bodies[number % len(bodies)] if number % 7 else canaries.card(),
        attributes={
            "event.name": f"event {one()}",
            "user.note": f"write to {one()} please",
            f"key.{one()}": "x",
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": one()}]}],
            "card": canaries.card(),
            "nested": {"list": [one()], one(): one().encode()},
        },
        resource=Resource(attributes={"service.name": f"logs {one()}", "owner": one()}),
        scope=Scope(name=f"logger {one()}", attributes={"author": one()}),
        redactions={},
        redacted_keys={},
        redaction_policy="",
    )


def _send_bad_requests(ready: Ready, canaries: _Canaries) -> Iterator[bytes]:
    """Answers to what cannot be understood, each with a canary in it."""
    otlp, api = f"http://127.0.0.1:{ready.otlp_http}", f"http://127.0.0.1:{ready.http}"
    json_type = {"content-type": "application/json"}
    mail = canaries.email
    with httpx.Client(trust_env=False, timeout=30) as client:
        for response in (
            client.post(f"{otlp}/v1/traces", content=f"{{{mail()}", headers=json_type),
            client.post(f"{otlp}/v1/traces", content=json.dumps({"resourceSpans": mail()}), headers=json_type),
            client.post(
                f"{otlp}/v1/traces",
                content=b"\xff" + mail().encode(),
                headers={"content-type": "application/x-protobuf"},
            ),
            client.post(f"{otlp}/v1/traces", content=b"x", headers={"content-type": f"text/{mail().split('@')[0]}"}),
            client.post(f"{otlp}/v1/{mail()}", content=b"x"),
            client.post(f"{otlp}/v1/logs", content=json.dumps({"resourceLogs": mail()}), headers=json_type),
            client.post(f"{otlp}/v1/logs", content=f"{{{mail()}", headers=json_type),
            client.get(f"{otlp}/v1/traces", headers={"authorization": f"Bearer {mail()}"}),
        ):
            yield response.content
        # Whoever asks for an address is answered with it at most, and it is written nowhere.
        client.get(f"{api}/api/v1/traces", params={"service": mail(), "tag": f"a:{mail()}"})
        client.get(f"{api}/api/v1/logs", params={"service": mail(), "eventName": mail()})
        client.get(f"{api}/{mail()}")


def _answers(ready: Ready, traces: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    api, jaeger = f"http://127.0.0.1:{ready.http}", f"http://127.0.0.1:{ready.jaeger_http}"
    paths = [
        "/metrics",
        "/api/v1/services",
        "/api/v1/traces?limit=50",
        "/api/v1/traces/services",
        "/api/v1/redaction/stats",
        "/api/v1/logs?limit=1000",
    ]
    paths += ["/api/v1/redaction/policy", "/api/v1/audit", "/api/v1/telemetry/health", "/openapi.json"]
    paths += [f"/api/v1/traces/{trace.hex()}{part}" for trace in traces for part in ("", "/logs")]
    with httpx.Client(trust_env=False, timeout=60) as client:
        for path in paths:
            yield path, client.get(api + path).content
        ids = [trace.hex() for trace in traces[:1]]
        for path in (
            "/api/services",
            "/api/dependencies?endTs=0",
            "/api/v3/services",
            f"/api/v3/trace-summaries?{_TIMES}",
        ):
            yield path, client.get(jaeger + path).content
        for path in (f"/api/{generation}traces/{trace}" for trace in ids for generation in ("", "v3/")):
            yield path, client.get(jaeger + path).content
        # A copy in the archive is looked for in the dumps.
        client.post(f"{jaeger}/api/archive/{ids[0]}").raise_for_status()


def _dumps(dsn: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(dsn) as connection:
        for (name,) in connection.execute(_TABLES).fetchall():
            copy = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.SQL(name))
            with connection.cursor().copy(copy) as rows:
                yield name, b"".join(rows)
            text = sql.SQL("SELECT string_agg(x::text, '') FROM {} AS x").format(sql.SQL(name))
            (found,) = connection.execute(text).fetchone() or ("",)
            yield f"{name} as text", (found or "").encode()


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


def _leaks(found: Iterator[tuple[str, bytes]], cards: frozenset[bytes]) -> dict[str, int]:
    """How many canaries each place has."""
    leaks = {}
    for place, data in found:
        unescaped = re.sub(rb"\\\\x((?:[0-9a-f]{2})+)", lambda match: bytes.fromhex(match[1].decode()), data)
        number = sum(len(pattern.findall(text)) for pattern in (_LEAK, _LEAK_BASE64) for text in {data, unescaped})
        number += sum(card in cards for card in re.findall(rb"(?<![0-9])4[0-9]{15}(?![0-9])", data))
        if number:
            leaks[place] = number
    return leaks


class _Cards(_Canaries):
    """Remembers the cards."""

    def __init__(self) -> None:
        super().__init__()
        self.cards: set[bytes] = set()

    def card(self) -> int:
        card = super().card()
        self.cards.add(str(card).encode())
        return card


def _send(system: System, canaries: _Canaries, spans: int) -> list[bytes]:
    traces = []
    for number in range(0, spans, _SPANS_PER_REQUEST):
        trace = trace_id()
        traces.append(trace)
        planted = [_planted(canaries, trace, number + place + 1) for place in range(_SPANS_PER_REQUEST)]
        transport = TRANSPORTS[number // _SPANS_PER_REQUEST % len(TRANSPORTS)]
        with Exporter(system.ready, transport) as exporter:
            assert exporter.export(planted).partial_success.rejected_spans == 0
            records = [_planted_record(canaries, trace, number + place + 1) for place in range(_RECORDS_PER_REQUEST)]
            assert exporter.export_logs(records).partial_success.rejected_log_records == 0
    return traces


def test_no_canary_is_anywhere(session_folder: Path) -> None:
    folder = session_folder / "zero-leak"
    canaries = _Cards()
    with System(folder) as system:
        traces = _send(system, canaries, _SPANS)
        refusals = [("refusals", answer) for answer in _send_bad_requests(system.ready, canaries)]
        cards = frozenset(canaries.cards)
        assert _leaks(iter(refusals), cards) == {}
        assert _leaks(_answers(system.ready, traces[:6]), cards) == {}
        assert _leaks(_dumps(system.ready.database_url), cards) == {}
        stats = httpx.get(f"http://127.0.0.1:{system.ready.http}/api/v1/redaction/stats", trust_env=False).json()
        found = {item["entity"] for item in stats["items"]}
        assert found >= {"EMAIL_ADDRESS", "CREDIT_CARD", "SECRET_VALUE"}
        assert "REDACTION_ERROR" not in found
    # Stopped, so that everything is on disk: tables, indexes, WAL segments, logs, the ready file.
    assert _leaks(_files(folder), cards) == {}


def test_the_search_finds_what_is_not_redacted(session_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = session_folder / "leaky"
    folder.mkdir()
    config = folder / "off.yaml"
    config.write_text("processors: {redaction: {enabled: false}}")
    canaries = _Cards()
    with System(folder, "--config", str(config), workers=1) as system:
        traces = _send(system, canaries, _SPANS_PER_REQUEST)
        cards = frozenset(canaries.cards)
        answered = _leaks(_answers(system.ready, traces), cards)
        stored = _leaks(_dumps(system.ready.database_url), cards)
    assert {
        f"/api/v1/traces/{traces[0].hex()}",
        f"/api/v1/traces/{traces[0].hex()}/logs",
        "/api/v1/logs?limit=1000",
        f"/api/traces/{traces[0].hex()}",
        f"/api/v3/traces/{traces[0].hex()}",
        "/api/v1/services",
    } <= answered.keys()
    assert {
        "relayscope.spans",
        "relayscope.archived_spans",
        "relayscope.log_records",
        "relayscope.resources",
        "relayscope.scopes",
        "relayscope.operations",
    } <= stored.keys()
    assert any("pg_wal" in place for place in _leaks(_files(folder), cards))
    assert "redaction is switched off" in system.log
