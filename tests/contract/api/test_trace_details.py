"""What the endpoints answer that tell of traces in parts, compare them, and suggest attributes: through HTTP, over the store double."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from msgspec.structs import replace

from relayscope.api.app import AiAccess, DetailAccess, create_app
from tests.support.factory import BASE_US, MS_NS, log_record, resource, span, trace_id
from tests.support.interaction import interaction
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_interactions import MemoryInteractions
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.trace import failed
from tracedata import Batch, Event, Link, LogRecord, Span
from tracedata.interaction import Usage

_TRACE, _OTHER = trace_id(), trace_id()
_BASE_NS = BASE_US * 1_000
_NOW_NS = _BASE_NS + 60_000 * MS_NS
_PATH = f"/api/v1/traces/{_TRACE.hex()}"


def _id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _span(number: int, parent: int, start: int, end: int, *, service: str = "gateway", name: str = "") -> Span:
    """A span of the trace; times in milliseconds."""
    return span(
        trace_id=_TRACE,
        span_id=_id(number),
        parent_span_id=_id(parent) if parent else b"",
        resource=resource(service),
        name=name or f"step {number}",
        start_time_unix_nano=_BASE_NS + start * MS_NS,
        end_time_unix_nano=_BASE_NS + end * MS_NS,
    )


_ROOT = _span(1, 0, 0, 100)
_CALL = replace(_span(2, 1, 10, 90, service="provider"), links=[Link(trace_id=_OTHER, span_id=_id(9))])
_LEAF = _span(3, 2, 20, 50, service="provider")
_SPANS = (_ROOT, _CALL, _LEAF)


async def _get(
    path: str,
    spans: Sequence[Span] = _SPANS,
    *,
    records: Sequence[LogRecord] = (),
    ai: MemoryInteractions | None = None,
    interactions: Sequence[bytes] = (),
    query: Mapping[str, str | int] | None = None,
) -> httpx.Response:
    store = MemoryStore()
    await store.consume(Batch(workspace_id=1, spans=spans, log_records=records))
    app = create_app(
        store,
        logs=store.logs,
        clock=lambda: _NOW_NS,
        ai=AiAccess(ai) if ai else None,
        details=DetailAccess(MemoryFrames(store, interactions=interactions), MemorySamples(store)),
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query or {})


# Any: JSON.
async def _json(
    path: str,
    spans: Sequence[Span] = _SPANS,
    *,
    records: Sequence[LogRecord] = (),
    ai: MemoryInteractions | None = None,
    interactions: Sequence[bytes] = (),
    **query: str | int,
) -> Any:  # noqa: ANN401 - JSON
    response = await _get(path, spans, records=records, ai=ai, interactions=interactions, query=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_skeleton_tells_of_each_span_without_its_attributes() -> None:
    answer = await _json(f"{_PATH}/skeleton", interactions=[_id(2)])
    assert answer["nextCursor"] is None
    assert answer["items"][1] == {
        "spanId": _id(2).hex(),
        "parentSpanId": _id(1).hex(),
        "name": "step 2",
        "service": "provider",
        "kind": "server",
        "startTimeUnixNano": str(_CALL.start_time_unix_nano),
        "duration": 80.0,
        "status": "success",
        "depth": 1,
        "children": 1,
        "has": ["links", "interaction"],
    }
    assert [(one["depth"], one["children"], one.get("has")) for one in answer["items"]][::2] == [
        (0, 1, None),
        (2, 0, None),
    ]


async def test_pages_of_a_skeleton_know_the_whole_tree() -> None:
    spans = [*_SPANS, _span(4, 77, 60, 70), _span(5, 4, 61, 62), _span(6, 3, 5, 7)]
    found: list[tuple[str, int, int]] = []
    cursor = ""
    while True:
        answer = await _json(f"{_PATH}/skeleton", spans, limit=2, cursor=cursor)
        found += [(one["name"], one["depth"], one["children"]) for one in answer["items"]]
        if answer["nextCursor"] is None:
            break
        cursor = answer["nextCursor"]
    assert found == [
        ("step 1", 0, 1),
        ("step 6", 3, 0),
        ("step 2", 1, 1),
        ("step 3", 2, 1),
        ("step 4", 0, 1),
        ("step 5", 1, 0),
    ]


async def test_one_span_is_whole_and_names_others_with_its_id() -> None:
    twin = replace(_CALL, name="twin", start_time_unix_nano=_CALL.start_time_unix_nano + 1)
    answer = await _json(f"{_PATH}/spans/{_id(2).hex().upper()}", [*_SPANS, twin])
    listed = (await _json(f"{_PATH}/spans", [*_SPANS, twin]))["items"]
    assert {key: value for key, value in answer.items() if key not in {"others", "truncated"}} == listed[1]
    assert (answer["others"], answer["truncated"]) == ([listed[2]], False)


async def test_the_critical_path_has_segments_spans_and_services() -> None:
    answer = await _json(f"{_PATH}/critical-path")
    assert [(one["name"], one["offset"], one["duration"]) for one in answer["segments"]] == [
        ("step 1", 0.0, 10.0),
        ("step 2", 10.0, 10.0),
        ("step 3", 20.0, 30.0),
        ("step 2", 50.0, 40.0),
        ("step 1", 90.0, 10.0),
    ]
    assert [(one["name"], one["pathTime"], one["selfTime"], one["pathShare"]) for one in answer["spans"]] == [
        ("step 2", 50.0, 50.0, 0.5),
        ("step 3", 30.0, 30.0, 0.3),
        ("step 1", 20.0, 20.0, 0.2),
    ]
    assert [(one["service"], one["spans"], one["pathTime"]) for one in answer["services"]] == [
        ("provider", 2, 80.0),
        ("gateway", 1, 20.0),
    ]
    assert (answer["duration"], answer["spanCount"], answer["truncated"], answer["complete"]) == (100.0, 3, False, True)


async def test_a_short_critical_path_says_that_there_is_more() -> None:
    answer = await _json(f"{_PATH}/critical-path", limit=1)
    assert (len(answer["segments"]), len(answer["spans"]), len(answer["services"])) == (1, 1, 1)
    assert answer["truncated"] is True


async def test_errors_come_causes_first_with_logs_and_other_traces() -> None:
    told = {"exception.type": "Refused", "exception.message": "user 17", "exception.stacktrace": "at x"}
    leaf = replace(failed(_LEAF, exception=told), name="GET /")
    again = replace(
        leaf,
        trace_id=_OTHER,
        events=[Event(name="exception", attributes={**told, "exception.message": "user 99"})],
    )
    unlike = replace(leaf, trace_id=trace_id(), events=[Event(name="exception", attributes={"exception.type": "X"})])
    records = [
        log_record(trace_id=_TRACE, severity_number=number, body=f"severity {number}", at_us=number)
        for number in (9, 21, 17)
    ]
    spans = [failed(_ROOT, message="bad gateway"), _CALL, leaf, again, unlike]
    answer = await _json(f"{_PATH}/errors", spans, records=records)
    first, second = answer["items"]
    assert (first["spanId"], first["depth"], first["isOrigin"], first["propagatedTo"]) == (
        _id(3).hex(),
        2,
        True,
        _id(1).hex(),
    )
    assert first["exceptions"] == [
        {
            "timestamp": first["exceptions"][0]["timestamp"],
            "type": "Refused",
            "message": "user 17",
            "stackTrace": "at x",
        }
    ]
    assert first["signature"] == {"service": "provider", "operation": "GET /", "type": "Refused", "message": "user <n>"}
    assert (second["message"], second["isOrigin"], second["causedBy"]) == ("bad gateway", False, [_id(3).hex()])
    assert [record["message"] for record in answer["logs"]] == ["severity 17", "severity 21"]
    (related,) = answer["related"]
    assert [(one["traceId"], one["message"]) for one in related["traces"]] == [(_OTHER.hex(), "user 99")]
    assert (related["sampledSpans"], related["complete"]) == (4, True)
    assert (answer["errorCount"], answer["truncated"], answer["complete"]) == (2, False, True)


async def test_a_trace_without_errors_has_none() -> None:
    answer = await _json(f"{_PATH}/errors")
    assert (answer["items"], answer["logs"], answer["related"], answer["errorCount"]) == ([], [], [], 0)


async def test_two_traces_beside_each_other() -> None:
    right = [
        replace(one, trace_id=_OTHER) for one in (replace(_ROOT, attributes={"a": 1}), failed(_CALL), failed(_CALL))
    ]
    right[2] = replace(right[2], span_id=_id(8), name="new")
    store = MemoryInteractions()
    store.put(
        interaction(trace_id=_TRACE, span_id=_id(2), usage=Usage(input=5, output=7)),
        interaction(trace_id=_OTHER, span_id=_id(2), usage=Usage(input=9, output=7)),
    )
    answer = await _json("/api/v1/traces/compare", [*_SPANS, *right], ai=store, left=_TRACE.hex(), right=_OTHER.hex())
    told = [
        (one["depth"], one["name"], one["presence"], one["statusChange"], one["pathDifference"])
        for one in answer["groups"]
    ]
    assert told == [
        (0, "step 1", "both", None, 0.0),
        (1, "step 2", "both", "failed", 30.0),
        (2, "step 3", "left", None, -30.0),
        (1, "new", "right", None, 0.0),
    ]
    assert (answer["onlyLeft"], answer["onlyRight"], answer["groupCount"], answer["truncated"]) == (1, 1, 4, False)
    assert answer["rootAttributes"] == [{"scope": "span", "key": "a", "left": None, "right": {"intValue": "1"}}]
    assert (answer["left"]["spanCount"], answer["right"]["errorCount"], answer["durationDifference"]) == (3, 2, 0.0)
    called = answer["interactions"]
    assert (called["promptTokensDifference"], called["responseTokensDifference"], called["callsDifference"]) == (
        4,
        0,
        0,
    )


async def test_without_calls_of_models_a_comparison_tells_of_none() -> None:
    for ai in (None, MemoryInteractions()):
        answer = await _json("/api/v1/traces/compare", ai=ai, left=_TRACE.hex(), right=_TRACE.hex())
        assert answer["interactions"] is None
        assert answer["rootAttributes"] == []


_ODD_KEYS = ["http.route", "a/b", "a/values", "ü?x=1&y#z%", " ", "", "values", ";"]


@pytest.mark.parametrize("key", _ODD_KEYS)
async def test_values_of_any_key(key: str) -> None:
    spans = [replace(_ROOT, span_id=_id(n), attributes={key: value}) for n, value in enumerate(["b", "a", 2.0, "a"])]
    answer = await _json(f"/api/v1/attributes/{quote(key, safe='')}/values", spans)
    assert answer["key"] == key
    assert [(one["text"], one["count"], one["scope"]) for one in answer["items"]] == [
        ("a", 2, "span"),
        ("2", 1, "span"),
        ("b", 1, "span"),
    ]
    assert answer["items"][1]["value"] == {"doubleValue": 2.0}
    assert (answer["sampledSpans"], answer["complete"], answer["nextCursor"]) == (4, True, None)


async def test_keys_have_scope_and_types_and_can_be_narrowed() -> None:
    spans = [replace(_ROOT, span_id=_id(n), attributes={"x.a": value, "y": 1}) for n, value in enumerate([1, "s", "t"])]
    answer = await _json("/api/v1/attributes", [*spans, _CALL], q="x.")
    assert answer["items"] == [{"key": "x.a", "scope": "span", "types": ["string", "int"], "count": 3}]
    answer = await _json("/api/v1/attributes", [*spans, _CALL], scope="resource", service="provider")
    assert answer["items"] == [{"key": "service.name", "scope": "resource", "types": ["string"], "count": 1}]
    answer = await _json("/api/v1/attributes", spans, limit=1)
    assert (len(answer["items"]), answer["complete"]) == (1, False)
    answer = await _json("/api/v1/attributes", spans, start=_BASE_NS + 1_000, end=_BASE_NS + 2_000)
    assert (answer["items"], answer["sampledSpans"]) == ([], 0)


_MISSING: Mapping[str, tuple[str, Mapping[str, str | int]]] = {
    "skeleton": (f"/api/v1/traces/{_OTHER.hex()}/skeleton", {}),
    "span": (f"{_PATH}/spans/{_id(77).hex()}", {}),
    "critical path": (f"/api/v1/traces/{_OTHER.hex()}/critical-path", {}),
    "errors": (f"/api/v1/traces/{_OTHER.hex()}/errors", {}),
    "compare": ("/api/v1/traces/compare", {"left": _TRACE.hex(), "right": _OTHER.hex()}),
}


@pytest.mark.parametrize(("path", "query"), _MISSING.values(), ids=_MISSING.keys())
async def test_what_is_not_there_is_404(path: str, query: Mapping[str, str | int]) -> None:
    response = await _get(path, query=query)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        (f"{_PATH}/skeleton", {"cursor": "x"}, "cursor: malformed"),
        (f"{_PATH}/skeleton", {"limit": 10_001}, "limit: "),
        (f"{_PATH}/spans/12", {}, "spanId: must be 16 hex digits"),
        (f"{_PATH}/critical-path", {"limit": 0}, "limit: "),
        (f"{_PATH}/errors", {"start": "x"}, "start: "),
        ("/api/v1/traces/compare", {"left": "1"}, "right: "),
        ("/api/v1/traces/compare", {"left": "1", "right": "x"}, "right: must be"),
        ("/api/v1/attributes", {"scope": "trace"}, "scope: "),
        ("/api/v1/attributes/%00/values", {}, "key: "),
        ("/api/v1/attributes", {"prefix": "a"}, "prefix: unknown"),
    ],
    ids=[
        "cursor",
        "limit of a skeleton",
        "span id",
        "limit of a path",
        "start",
        "right is missing",
        "right is no id",
        "scope",
        "key",
        "unknown",
    ],
)
async def test_what_cannot_be_read_is_named(path: str, query: Mapping[str, str | int], said: str) -> None:
    response = await _get(path, query=query)
    assert response.status_code == 400
    assert response.json()["detail"].startswith(said)


async def test_a_skeleton_is_small() -> None:
    spans = [replace(_span(n, 1, n % 50, 60), attributes={"text": "x" * 500}) for n in range(2, 302)]
    response = await _get(f"{_PATH}/skeleton", [_ROOT, *spans])
    assert len(response.content) < 301 * 250
