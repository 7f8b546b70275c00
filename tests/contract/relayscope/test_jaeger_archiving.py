"""``/api/archive``, ``/api/transform``, and the archive in REST."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from receiver.otlp_json import decode_traces
from relayscope.api.jaeger import JaegerAccess
from tests.support.jaeger_reader import FixedReader
from tests.support.jaeger_served import FixedArchive, serving
from tracedata import Batch, RetryableError

KNOWN = bytes.fromhex("00112233445566778899aabbccddeeff")
PATH = f"/api/v1/traces/{KNOWN.hex()}/archive"
# What JSON holds is what the tests are about.
Json = Any
EMPTY = {"data": [], "total": 0, "limit": 0, "offset": 0, "errors": []}


def _decode(body: bytes) -> Batch:
    return decode_traces(body, 1)


def envelope(data: Json, errors: Json = None) -> Json:
    return {"data": data, "total": 0, "limit": 0, "offset": 0, "errors": errors}


async def _post(archive: FixedArchive | None, path: str, body: bytes = b"") -> httpx.Response:
    async with serving(FixedReader(), JaegerAccess(archive=archive, decode=_decode)) as client:
        return await client.post(path, content=body)


@pytest.mark.parametrize("trace_id", [KNOWN.hex(), "112233445566778899AABBCCDDEEFF", "ABEiM0RVZneImaq7zN3u_w"])
async def test_a_trace_is_archived(trace_id: str) -> None:
    archive = FixedArchive(KNOWN)
    answer = await _post(archive, f"/api/archive/{trace_id}?start=1&end=2")
    assert (answer.status_code, answer.json()) == (200, EMPTY)
    assert answer.headers["content-type"] == "application/json"
    assert archive.calls[0] == ("archive", 1, KNOWN, "api")


@pytest.mark.parametrize(
    ("archive", "path", "status", "message"),
    [
        pytest.param(FixedArchive(), "a", 404, "trace not found", id="unknown"),
        pytest.param(None, "a", 500, "archive span storage was not configured", id="no archive"),
        pytest.param(FixedArchive(), "xyz", 400, "invalid trace ID, expecting 1 to 32 hex characters", id="no id"),
        pytest.param(
            FixedArchive(),
            "a?start=x",
            400,
            "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax",
            id="no time",
        ),
        pytest.param(FixedArchive(failure=RetryableError("gone")), "a", 503, "gone", id="unreachable"),
    ],
)
async def test_what_cannot_be_archived(archive: FixedArchive | None, path: str, status: int, message: str) -> None:
    answer = await _post(archive, f"/api/archive/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.json() == envelope(None, [{"code": status, "msg": message}])


def _span(trace_id: str, **fields: object) -> Json:
    times = {"startTimeUnixNano": "1706678909209712000", "endTimeUnixNano": "1706678909209835000"}
    return {"traceId": trace_id, "spanId": "e127af99e3b3e074", "name": "okey-dokey-0", "kind": 2, **times, **fields}


def _request(*spans: Json) -> bytes:
    held = {"attributes": [{"key": "service.name", "value": {"stringValue": "telemetrygen"}}]}
    part = {"resource": held, "scopeSpans": [{"scope": {"name": "telemetrygen"}, "spans": list(spans)}]}
    return json.dumps({"resourceSpans": [part]}).encode()


FIRST = "83a9efd15c1c98a977e0711cc93ee28b"
SECOND = "0000000000000000e0711cc93ee28b01"
SHOWN = {
    "traceID": FIRST,
    "spanID": "e127af99e3b3e074",
    "operationName": "okey-dokey-0",
    "references": [{"refType": "CHILD_OF", "traceID": FIRST, "spanID": "909541b92cf05311"}],
    "startTime": 1706678909209712,
    "duration": 123,
    "tags": [
        {"key": "otel.scope.name", "type": "string", "value": "telemetrygen"},
        {"key": "net.peer.ip", "type": "string", "value": "1.2.3.4"},
        {"key": "span.kind", "type": "string", "value": "server"},
    ],
    "logs": [],
    "processID": "p1",
    "warnings": None,
}


async def test_otlp_is_shown_in_jaegers_model_with_every_repetition() -> None:
    sent = _span(
        FIRST,
        parentSpanId="909541b92cf05311",
        attributes=[{"key": "net.peer.ip", "value": {"stringValue": "1.2.3.4"}}],
        status={},
    )
    answer = await _post(None, "/api/transform", _request(sent, sent))
    assert answer.status_code == 200
    processes = {"p1": {"serviceName": "telemetrygen", "tags": []}}
    trace = {"traceID": FIRST, "spans": [SHOWN, SHOWN], "processes": processes, "warnings": None}
    assert answer.json() == envelope([trace])


async def test_traces_come_in_the_order_in_which_they_are_met() -> None:
    answer = await _post(None, "/api/transform", _request(_span(FIRST), _span(SECOND), _span(FIRST)))
    found = [(trace["traceID"], len(trace["spans"])) for trace in answer.json()["data"]]
    assert found == [(FIRST, 2), ("e0711cc93ee28b01", 1)]


async def test_spans_that_cannot_be_read_are_told() -> None:
    answer = await _post(None, "/api/transform", _request(_span(FIRST), _span("nothing")))
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 1
    assert [error["msg"].partition(":")[0] for error in answer.json()["errors"]] == ["1 spans left out"]


@pytest.mark.parametrize("body", [b"", b"nothing", b"[]", b'{"resourceSpans": 1}'])
async def test_what_is_no_otlp_is_refused(body: bytes) -> None:
    answer = await _post(None, "/api/transform", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["code"] == 400
    assert error["msg"].startswith("cannot unmarshal OTLP : ")


async def test_a_body_that_is_too_large_is_refused() -> None:
    answer = await _post(None, "/api/transform", b" " * ((64 << 20) + 1))
    assert answer.status_code == 413
    assert answer.json()["errors"] == [{"code": 413, "msg": "the body may have 67108864 bytes at most"}]


async def test_an_empty_request_has_no_traces() -> None:
    assert (await _post(None, "/api/transform", b"{}")).json() == envelope([])


async def test_rest_keeps_shows_and_lets_go_of_a_trace() -> None:
    kept = {"traceId": KNOWN.hex(), "archivedAt": "2026-01-15T12:00:00.250000000Z", "spanCount": 3}
    archive = FixedArchive(KNOWN)
    async with serving(FixedReader(), JaegerAccess(archive=archive)) as client:
        assert (await client.get(PATH)).status_code == 404
        put = await client.put(PATH)
        assert (put.status_code, put.json()) == (200, kept)
        assert (await client.get(PATH)).json() == kept
        deleted = await client.delete(PATH)
        assert (deleted.status_code, deleted.content) == (204, b"")
        again = await client.delete(PATH)
    assert (again.status_code, again.json()["detail"]) == (404, "No trace with this id is in the archive.")
    assert {call[:3] for call in archive.calls if call[0] != "archived"} == {
        ("archive", 1, KNOWN),
        ("unarchive", 1, KNOWN),
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"/api/v1/traces/{'f' * 32}/archive", 404), ("/api/v1/traces/xyz/archive", 400), (f"{PATH}?x=1", 400)],
)
async def test_what_rest_cannot_keep(path: str, status: int) -> None:
    async with serving(FixedReader(), JaegerAccess(archive=FixedArchive(KNOWN))) as client:
        answer = await client.put(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
