"""Who calls whom, how often, how well: nodes and edges of the service map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.api import CallStatistics, ServiceEdge, ServiceNode, Window
from storage.latency import MAX_RELATIVE_ERROR
from tests.support.factory import MS_NS, SpanFields, merged, resent, span, span_id, trace_id, window, workspace
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.store import Store
from tests.support.strategies import unhurried
from tracedata import Resource, Span, StatusCode


def child_of(parent: Span, service: str, *, at_us: int = 1, lasting_ns: int = MS_NS, status_code: int = 0) -> Span:
    """A span of ``service`` that ``parent`` called."""
    return span(
        service=service,
        at_us=at_us,
        lasting_ns=lasting_ns,
        status_code=status_code,
        trace_id=parent.trace_id,
        parent_span_id=parent.span_id,
    )


async def edges(store: Store, asked: Window | None = None) -> list[tuple[str, str, int]]:
    """Parent, child and calls of every edge."""
    found = await store.reader.service_edges(asked or window())
    return [(edge.parent, edge.child, edge.statistics.calls) for edge in found]


async def nodes(store: Store, asked: Window | None = None) -> list[tuple[str, int, int]]:
    """Service, spans and calls of every node."""
    found = (await store.reader.service_map(asked or window())).nodes
    return [(node.service, node.spans, node.statistics.calls) for node in found]


async def test_an_empty_store_has_an_empty_map(store: Store) -> None:
    assert (await nodes(store), await edges(store)) == ([], [])


async def test_edges_go_from_parent_to_child_sorted(store: Store) -> None:
    root = span(service="web")
    cart, auth = child_of(root, "cart"), child_of(root, "auth")
    await store.put(child_of(cart, "stock"), cart, root, auth, child_of(root, "cart"))
    assert await edges(store) == [("cart", "stock", 1), ("web", "auth", 1), ("web", "cart", 2)]
    assert await nodes(store) == [("auth", 1, 1), ("cart", 2, 2), ("stock", 1, 1), ("web", 1, 1)]


async def test_spans_within_a_service_make_a_self_edge_and_no_call(store: Store) -> None:
    root = span(service="web")
    inner = child_of(root, "web")
    await store.put(root, inner, child_of(inner, "web"))
    assert await edges(store) == [("web", "web", 2)]
    assert await nodes(store) == [("web", 3, 1)]


async def test_an_absent_parent_makes_no_edge_but_a_call(store: Store) -> None:
    await store.put(span(service="web", parent_span_id=span_id()))
    assert await edges(store) == []
    assert await nodes(store) == [("web", 1, 1)]


async def test_a_parent_of_another_trace_is_no_parent(store: Store) -> None:
    stranger = span(service="web")
    await store.put(stranger, replace(child_of(stranger, "cart"), trace_id=trace_id()))
    assert await edges(store) == []


async def test_a_parent_of_another_workspace_is_no_parent(store: Store) -> None:
    mine, theirs = workspace(), workspace()
    root = span(service="web")
    await store.put(root, workspace_id=theirs)
    await store.put(child_of(root, "cart"), workspace_id=mine)
    assert await edges(store, window(workspace_id=mine)) == []
    assert await nodes(store, window(workspace_id=mine)) == [("cart", 1, 1)]
    assert await nodes(store, window(workspace_id=theirs)) == [("web", 1, 1)]


async def test_a_parent_that_arrives_later_is_a_parent(store: Store) -> None:
    root = span(service="web")
    await store.put(child_of(root, "cart"))
    await store.put(root)
    assert await edges(store) == [("web", "cart", 1)]


async def test_redelivery_counts_once(store: Store) -> None:
    root = span(service="web")
    called = child_of(root, "cart")
    for _ in range(3):
        await store.put(resent(root), resent(called))
    assert await edges(store) == [("web", "cart", 1)]
    assert await nodes(store) == [("cart", 1, 1), ("web", 1, 1)]


async def test_a_service_without_a_name_is_not_on_the_map(store: Store) -> None:
    root = span(service="web")
    unnamed = replace(child_of(root, ""), resource=Resource())
    await store.put(root, unnamed, child_of(unnamed, "cart"))
    assert await edges(store) == []
    assert await nodes(store) == [("cart", 1, 1), ("web", 1, 1)]


async def test_a_service_whose_calls_came_earlier_has_no_latencies(store: Store) -> None:
    root = span(service="web", at_us=-10)
    await store.put(root, child_of(root, "web", at_us=0))
    none = CallStatistics(calls=0, errors=0, p50_ms=0, p95_ms=0, p99_ms=0)
    found = (await store.reader.service_map(window(start_us=0))).nodes
    assert list(found) == [ServiceNode(service="web", spans=1, statistics=none)]


WINDOWS = {
    "child at the start": (0, 10, True),
    "child at the end": (-10, 0, False),
    "child one microsecond before the end": (-10, 1, True),
    "child before": (1, 10, False),
}


@pytest.mark.parametrize(("start_us", "end_us", "counted"), WINDOWS.values(), ids=WINDOWS.keys())
async def test_the_start_of_the_child_decides(store: Store, start_us: int, end_us: int, *, counted: bool) -> None:
    # The parent starts outside of every one of these windows: it counts as a parent all the same.
    root = span(service="web", at_us=-1_000)
    await store.put(root, child_of(root, "cart", at_us=0))
    asked = window(start_us=start_us, end_us=end_us)
    assert await edges(store, asked) == ([("web", "cart", 1)] if counted else [])
    assert await nodes(store, asked) == ([("cart", 1, 1)] if counted else [])


async def test_the_last_nanosecond_of_a_window_belongs_to_it(store: Store) -> None:
    root = span(service="web", at_us=-1_000)
    late = child_of(root, "cart", at_us=0)
    await store.put(root, replace(late, start_time_unix_nano=late.start_time_unix_nano + 999))
    assert await edges(store, window(start_us=-1, end_us=1)) == [("web", "cart", 1)]
    assert await edges(store, window(start_us=-1, end_us=0)) == []


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Latencies of calls in milliseconds, and their percentiles worked out by hand."""

    latencies_ms: Sequence[float]
    p50_ms: float
    p95_ms: float
    p99_ms: float


CALLS = {
    "one": Calls(latencies_ms=[7], p50_ms=7, p95_ms=7, p99_ms=7),
    "two": Calls(latencies_ms=[20, 10], p50_ms=15, p95_ms=19.5, p99_ms=19.9),
    "three": Calls(latencies_ms=[30, 10, 20], p50_ms=20, p95_ms=29, p99_ms=29.8),
    "hundred and one": Calls(latencies_ms=range(101), p50_ms=50, p95_ms=95, p99_ms=99),
    "equal": Calls(latencies_ms=[4, 4, 4], p50_ms=4, p95_ms=4, p99_ms=4),
    "below a microsecond": Calls(latencies_ms=[0.000_001, 0.000_003], p50_ms=0.000_002, p95_ms=2.9e-6, p99_ms=2.98e-6),
    "negative": Calls(latencies_ms=[-10, 10], p50_ms=5, p95_ms=9.5, p99_ms=9.9),
    "outlier": Calls(latencies_ms=[1] * 9 + [1_001], p50_ms=1, p95_ms=551, p99_ms=911),
}


@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS.keys())
async def test_percentiles_lie_between_neighbours(store: Store, calls: Calls) -> None:
    root = span(service="web")
    called = [child_of(root, "cart", lasting_ns=round(latency * MS_NS)) for latency in calls.latencies_ms]
    await store.put(root, *called)
    (edge,) = await store.reader.service_edges(window())
    (node, _) = (await store.reader.service_map(window())).nodes
    for found in (edge.statistics, node.statistics):
        assert found.calls == len(called)
        percentiles = (found.p50_ms, found.p95_ms, found.p99_ms)
        assert percentiles == pytest.approx(
            (calls.p50_ms, calls.p95_ms, calls.p99_ms), rel=MAX_RELATIVE_ERROR, abs=1e-12
        )


async def test_errors_are_those_of_the_callee(store: Store) -> None:
    root = span(service="web", status_code=StatusCode.ERROR)
    await store.put(root, *(child_of(root, "cart", status_code=code) for code in (0, 1, 2, 2)))
    (edge,) = await store.reader.service_edges(window())
    assert (edge.statistics.calls, edge.statistics.errors) == (4, 2)
    cart, web = (await store.reader.service_map(window())).nodes
    assert (cart.statistics.errors, web.statistics.errors) == (2, 1)


async def test_errors_inside_a_service_are_no_failed_calls(store: Store) -> None:
    root = span(service="web")
    await store.put(root, child_of(root, "web", status_code=StatusCode.ERROR))
    (node,) = (await store.reader.service_map(window())).nodes
    assert (node.spans, node.statistics.calls, node.statistics.errors) == (2, 1, 0)


async def test_a_parent_is_not_looked_for_at_absurd_times(store: Store) -> None:
    root = span(service="web", start_time_unix_nano=0, end_time_unix_nano=0)
    await store.put(root, child_of(root, "cart"))
    assert await edges(store) == []
    assert await nodes(store) == [("cart", 1, 1)]


NUMBERED = [bytes([number]) * 8 for number in range(1, 9)]
mapped_fields = st.builds(
    SpanFields,
    span_id=st.sampled_from(NUMBERED),
    parent_span_id=st.sampled_from((b"", *NUMBERED, b"\xff" * 8)),
    status_code=st.sampled_from(StatusCode),
)


@st.composite
def mapped_spans(draw: st.DrawFn) -> list[Span]:
    """Spans of one trace with ids of their own, so that a parent is one span; parents may be absent or in a circle."""
    shared = trace_id()
    return [
        span(
            service=draw(st.sampled_from("abc")),
            at_us=draw(st.integers(-3, 3)),
            lasting_ns=draw(st.integers(-5, 1_000_000_000)),
            **merged(fields, {"trace_id": shared}),
        )
        for fields in draw(st.lists(mapped_fields, unique_by=lambda fields: fields["span_id"]))
    ]


Found = Sequence[ServiceNode] | Sequence[ServiceEdge]


def without_latencies(found: Found) -> list[ServiceNode | ServiceEdge]:
    """Returns what compares exactly."""
    return [replace(one, statistics=replace(one.statistics, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0)) for one in found]


def latencies(found: Found) -> list[float]:
    """Returns what compares but for the last digits."""
    return [
        latency for one in found for latency in (one.statistics.p50_ms, one.statistics.p95_ms, one.statistics.p99_ms)
    ]


@settings(unhurried, max_examples=40)
@given(sent=mapped_spans(), start_us=st.integers(-4, 0), end_us=st.integers(0, 4))
async def test_any_map_agrees_with_the_double(store: Store, sent: list[Span], start_us: int, end_us: int) -> None:
    asked = window(workspace_id=workspace(), start_us=start_us, end_us=end_us)
    double = MemoryStore()
    for one in (
        store,
        Store(
            writer=double, reader=double, logs=double.logs, frames=MemoryFrames(double), samples=MemorySamples(double)
        ),
    ):
        await one.put(*sent, workspace_id=asked.workspace_id)
    for found, expected in (
        ((await store.reader.service_map(asked)).nodes, (await double.service_map(asked)).nodes),
        (await store.reader.service_edges(asked), await double.service_edges(asked)),
    ):
        assert without_latencies(found) == without_latencies(expected)
        assert latencies(found) == pytest.approx(latencies(expected), rel=MAX_RELATIVE_ERROR, abs=1e-9)
