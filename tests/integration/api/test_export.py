"""Exports over HTTP: what is answered, and what happens when one side goes away, fails, or is slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from query.search import SearchSelection
from query.traceql.search import TraceQuery
from relayscope.api.rest.export import ExportAccess
from storage.decision_reader import DecisionFilter
from storage.interaction_reader import InteractionFilter
from tests.support.api_server import serving
from tests.support.canned_export import CannedExport
from tests.support.canned_reader import CannedReader
from tests.support.decision import full_decision
from tests.support.factory import span
from tests.support.interaction import interaction
from tests.support.waiting import wait_until
from tracedata import RetryableError

TRACES = "/api/v1/export/traces"
LARGE = span(attributes={"text": "x" * 100_000})


@contextmanager
def exporting(export: CannedExport, *, stall_timeout_s: float = 30) -> Iterator[str]:
    with serving(CannedReader(spans=[]), export=ExportAccess(export, stall_timeout_s=stall_timeout_s)) as url:
        yield url


def get(url: str, path: str, **parameters: str) -> httpx.Response:
    return httpx.get(url + path, params=parameters, timeout=30, trust_env=False)


@pytest.mark.parametrize(
    ("form", "media_type", "name"),
    [
        ("jsonl", "application/x-ndjson", "traces.jsonl"),
        ("csv", "text/csv; charset=utf-8", "traces.csv"),
        ("parquet", "application/vnd.apache.parquet", "traces.parquet"),
        ("otlp-json", "application/x-ndjson", "traces.otlp.jsonl"),
    ],
)
def test_each_form_is_a_file_of_its_kind(form: str, media_type: str, name: str) -> None:
    with exporting(CannedExport(span_portions=[[span()], [span(), span()]], expected=3)) as url:
        response = get(url, TRACES, format=form)
    assert response.status_code == 200
    headers = {name: response.headers.get(name) for name in ("content-type", "content-disposition", "content-length")}
    assert headers == {
        "content-type": media_type,
        "content-disposition": f'attachment; filename="{name}"',
        "content-length": None,
    }
    assert response.headers["relayscope-expected"] == "3"
    assert response.content.count(b'"traceId"') == {"jsonl": 3, "otlp-json": 3}.get(form, 0)


def test_interactions_and_decisions_are_lines_with_all_that_is_known() -> None:
    call = interaction(prompt="x" * 5_000, parameters={"temperature": 0.5})
    made = full_decision()
    with exporting(CannedExport(interaction_items=[call], decision_items=[made])) as url:
        (line,) = get(url, "/api/v1/export/interactions").text.splitlines()
        (other,) = get(url, "/api/v1/export/decisions").text.splitlines()
    shown = msgspec.json.decode(line)
    assert (len(shown["prompt"]), shown["parameters"]) == (5_000, {"temperature": 0.5})
    decided = msgspec.json.decode(other)
    assert (decided["traceId"], decided["input"]) == (made.trace_id.hex(), made.input)
    assert decided["finalOutcome"]["model"] == made.final.model


def test_filters_reach_the_store() -> None:
    export = CannedExport()
    with exporting(export) as url:
        get(url, TRACES, service="gateway", start="-1h")
        get(url, TRACES, q="{ status = error }")
        get(url, "/api/v1/export/interactions", model="gpt-4o")
        get(url, "/api/v1/export/decisions", outcome="deny")
    search, query, calls, decisions = export.asked
    assert isinstance(search, SearchSelection)
    assert search.search.service == "gateway"
    assert isinstance(query, TraceQuery)
    assert isinstance(calls, InteractionFilter)
    assert calls.model == "gpt-4o"
    assert isinstance(decisions, DecisionFilter)
    assert decisions.outcome == "deny"


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"format": "xml"}, "format: "),
        ({"limit": "5"}, "limit: unknown query parameter"),
        ({"q": "{ foo }"}, "q: line 1, column 3"),
        ({"q": "{}", "service": "a"}, "q: says all by itself"),
        ({"start": "now", "end": "-1h"}, "end: must not lie before start"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_parameter_is_a_problem(parameters: Mapping[str, str], detail: str) -> None:
    with exporting(CannedExport()) as url:
        response = get(url, TRACES, **parameters)
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert response.json()["detail"].startswith(detail)


AWAY = RetryableError("the store is away")


@pytest.mark.parametrize(
    "export", [CannedExport(broken_at_once=AWAY), CannedExport(broken_in_the_middle=AWAY)], ids=["opening", "reading"]
)
def test_what_fails_before_the_first_item_is_a_problem(export: CannedExport) -> None:
    with exporting(export) as url:
        response = get(url, TRACES)
    assert (response.status_code, response.json()["detail"]) == (503, "the store is away")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "otlp-json"])
def test_what_fails_later_breaks_the_transfer_off(form: str) -> None:
    export = CannedExport(span_portions=[[span()]], broken_in_the_middle=AWAY)
    with exporting(export) as url, pytest.raises(httpx.RemoteProtocolError):
        get(url, TRACES, format=form)
    assert export.open == 0


def test_a_slow_reader_makes_the_store_wait_and_gets_everything() -> None:
    export = CannedExport(span_portions=[[LARGE]] * 500)
    with exporting(export) as url, _asked(url) as reader:
        given = _at_rest(export)
        # What the kernel and the server hold for a connection, and no more.
        assert given < 200
        rest = b""
        while data := reader.recv(1 << 20):
            rest = rest[-100:] + data
        assert rest.endswith(b"\r\n0\r\n\r\n")
        assert export.given == 500


def test_who_goes_away_ends_the_export() -> None:
    export = CannedExport(span_portions=[[LARGE]] * 500)
    with exporting(export) as url:
        with _asked(url):
            _at_rest(export)
            assert export.open == 1
        wait_until(lambda: export.open == 0, "the export has ended")
    assert export.given < 500


def test_who_takes_nothing_is_given_up() -> None:
    export = CannedExport(span_portions=[[LARGE]] * 500)
    with exporting(export, stall_timeout_s=0.2) as url, _asked(url) as reader:
        wait_until(lambda: export.given > 0 and export.open == 0, "the export has ended")
        data = b""
        while piece := reader.recv(1 << 20):
            data = piece
        assert not data.endswith(b"0\r\n\r\n")


@contextmanager
def _asked(url: str) -> Iterator[socket.socket]:
    """A connection on which an export was asked for, of which nothing was read."""
    address = urlsplit(url)
    assert address.hostname is not None
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.connect((address.hostname, address.port))
        reader.sendall(f"GET {TRACES} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())
        yield reader


def _at_rest(export: CannedExport) -> int:
    """How much was given when nothing more is."""
    given = 0
    while not given or given != export.given:
        given = export.given
        # Nobody announces that nothing happens.
        time.sleep(0.2)
    return given
