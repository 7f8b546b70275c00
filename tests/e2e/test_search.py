"""Search over the wire, in both APIs."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.support.exporter import Exporter, Transport
from tests.support.factory import MS_NS, resource, span, trace_id
from tests.support.system import System
from tracedata import Event, Link, Scope, Span, SpanKind

_S_NS = 1_000 * MS_NS


def _recent(service: str, *, seconds_ago: float = 60.0, lasting_ms: int = 5, **fields: Any) -> Span:  # noqa: ANN401
    start = time.time_ns() - round(seconds_ago * _S_NS)
    made = span(service=service, start_time_unix_nano=start, end_time_unix_nano=start + lasting_ms * MS_NS)
    return replace(made, **fields)


def _send(system: System, *spans: Span) -> None:
    with Exporter(system.ready, Transport("grpc")) as exporter:
        exporter.export(spans)


def _found(system: System, **parameters: Any) -> list[str]:  # noqa: ANN401 - what httpx takes for a query
    return [trace["traceId"] for trace in system.get("/api/v1/traces", **parameters)["items"]]


def _found_by_jaeger(system: System, **parameters: Any) -> list[str]:  # noqa: ANN401
    return [trace["traceID"] for trace in system.jaeger("/api/traces", **parameters)]


@pytest.fixture
def service() -> str:
    return f"search-{uuid4().hex}"


def test_predicates_hold_on_one_and_the_same_span(system: System, service: str) -> None:
    spread = _recent(service, name="slow", lasting_ms=900, attributes={"user": "ada"})
    other = replace(spread, span_id=b"12345678", name="fast", end_time_unix_nano=spread.start_time_unix_nano + MS_NS)
    failed = replace(other, span_id=b"abcdefgh", status_code=2, attributes={"user": "bob"})
    _send(system, spread, replace(other, attributes={}), failed)
    trace = [spread.trace_id.hex()]

    assert _found(system, service=service, operation="slow", minDuration="500ms", tag="user:ada") == trace
    assert _found(system, service=service, operation="fast", status="error", tag=["user:bob", "error:true"]) == trace
    assert _found(system, service=service, operation="fast", minDuration="500ms") == []
    assert _found(system, service=service, operation="slow", status="error") == []
    assert _found(system, service=service, tag=["user:ada", "user:bob"]) == []
    assert _found_by_jaeger(system, service=service, operation="slow", minDuration="500ms", tag="user:ada") == trace
    assert _found_by_jaeger(system, service=service, operation="fast", minDuration="500ms") == []
    tags = json.dumps({"user": "bob", "error": "true"})
    assert _found_by_jaeger(system, service=service, operation="fast", tags=tags) == trace
    assert _found_by_jaeger(system, service=service, operation="slow", tags=tags) == []


def test_whole_traces_come_back_though_one_span_matched(system: System, service: str) -> None:
    root = _recent(service, name="root")
    child = replace(root, span_id=b"12345678", name="child", resource=resource(f"{service}-b"), kind=SpanKind.CLIENT)
    _send(system, root, child)

    (trace,) = system.get("/api/v1/traces", service=service, operation="root")["items"]
    (jaeger,) = system.jaeger("/api/traces", service=service, operation="root")

    assert (trace["spanCount"], trace["services"]) == (2, [service, f"{service}-b"])
    assert {span["operationName"] for span in jaeger["spans"]} == {"root", "child"}


@pytest.mark.parametrize(
    "tag",
    [
        "in.span:1",
        "in.resource:true",
        "in.scope:2.5",
        "in.event:AAE=",
        'in.link:["x",1]',
        "resource.in.resource:true",
        "scope.name:searched",
        "span.kind:server",
    ],
)
def test_attributes_are_found_wherever_they_are(system: System, service: str, tag: str) -> None:
    wanted = _recent(
        service,
        attributes={"in.span": 1},
        resource=resource(service, {"in.resource": True}),
        scope=Scope(name="searched", attributes={"in.scope": 2.5}),
        events=[Event(name="e", attributes={"in.event": b"\x00\x01"})],
        links=[Link(trace_id=trace_id(), span_id=b"12345678", attributes={"in.link": ["x", 1]})],
    )
    unwanted = _recent(service, kind=SpanKind.CLIENT)
    _send(system, wanted, unwanted)

    assert _found(system, service=service, tag=tag) == [wanted.trace_id.hex()]
    assert _found_by_jaeger(system, service=service, tag=tag) == [wanted.trace_id.hex()]


def test_exactly_limit_traces_newest_first_and_cursors_page_through_all(system: System, service: str) -> None:
    # Several matching spans a trace, which must not use up the limit.
    roots = [_recent(service, seconds_ago=600 - 10 * number) for number in range(23)]
    children = [
        replace(root, span_id=number.to_bytes(8, "big"), start_time_unix_nano=root.start_time_unix_nano + number)
        for root in roots
        for number in range(1, 6)
    ]
    _send(system, *children, *roots)
    newest_first = [root.trace_id.hex() for root in reversed(roots)]

    assert _found(system, service=service, limit=7) == newest_first[:7]
    assert _found_by_jaeger(system, service=service, limit=7) == newest_first[:7]
    assert _found_by_jaeger(system, service=service) == newest_first
    assert _pages(system, service=service, limit=7) == [
        newest_first[first : first + 7] for first in range(0, len(newest_first), 7)
    ]


def _pages(system: System, **parameters: Any) -> list[list[str]]:  # noqa: ANN401 - what httpx takes for a query
    pages: list[list[str]] = []
    cursor: str | None = None
    while cursor or not pages:
        page = system.get("/api/v1/traces", **parameters, **({"cursor": cursor} if cursor else {}))
        pages.append([trace["traceId"] for trace in page["items"]])
        cursor = page["nextCursor"]
    return pages


def test_pages_go_on_where_they_were_while_traces_arrive(system: System, service: str) -> None:
    older = [_recent(service, seconds_ago=300 + number) for number in range(4)]
    _send(system, *older)
    first = system.get("/api/v1/traces", service=service, limit=2)

    _send(system, _recent(service, seconds_ago=1))
    second = system.get("/api/v1/traces", service=service, limit=2, cursor=first["nextCursor"])

    found = [trace["traceId"] for page in (first, second) for trace in page["items"]]
    assert found == [sent.trace_id.hex() for sent in older]


def test_spans_of_a_trace_come_in_pages(system: System, service: str) -> None:
    first = _recent(service)
    spans = [replace(first, span_id=number.to_bytes(8, "big")) for number in range(1, 26)]
    _send(system, *spans)

    found: list[str] = []
    cursor = None
    for _ in range(3):
        page = system.get(
            f"/api/v1/traces/{first.trace_id.hex()}/spans", limit=10, **({"cursor": cursor} if cursor else {})
        )
        found += [node["spanId"] for node in page["items"]]
        cursor = page["nextCursor"]

    assert cursor is None
    assert found == [sent.span_id.hex() for sent in spans]


def test_the_window_bounds_the_search(system: System, service: str) -> None:
    old, new = _recent(service, seconds_ago=7_200), _recent(service, seconds_ago=60)
    _send(system, old, new)

    assert _found(system, service=service, start="-1h") == [new.trace_id.hex()]
    assert _found(system, service=service, start="-3h", end="-1h") == [old.trace_id.hex()]
    now_us = time.time_ns() // 1_000
    hour_us = 3_600_000_000
    assert _found_by_jaeger(system, service=service, start=now_us - hour_us, end=now_us) == [new.trace_id.hex()]


def test_short_trace_ids_are_understood_and_shown_as_jaeger_does(system: System, service: str) -> None:
    sent = _recent(service, trace_id=bytes(8) + trace_id()[:7] + b"\x01")
    _send(system, sent)
    short = sent.trace_id.hex()[16:]

    (trace,) = system.jaeger(f"/api/traces/{short.upper()}")

    assert trace["traceID"] == short
    assert system.get(f"/api/v1/traces/{short}")["traceId"] == sent.trace_id.hex()
