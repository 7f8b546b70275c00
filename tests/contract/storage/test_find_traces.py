"""Which traces a search finds, in which order, page by page."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.api import Tag, TraceSearch
from tests.support.factory import (
    BASE_US,
    MS_NS,
    SearchFields,
    SpanFields,
    merged,
    resource,
    search,
    span,
    trace_id,
    workspace,
)
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.store import Store
from tests.support.strategies import unhurried
from tracedata import Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value
from tracedata.printed import printed

START_NS = BASE_US * 1_000


class Predicate(NamedTuple):
    """A predicate, and the fields with which a span fulfils it; ``PLAIN`` fulfils none."""

    asked: SearchFields
    fulfilled: SpanFields


PLAIN: SpanFields = {"resource": resource("plain"), "name": "plain"}

PREDICATES: dict[str, Predicate] = {
    "service": Predicate({"service": "asked"}, {"resource": resource("asked")}),
    "operation": Predicate({"operation": "asked"}, {"name": "asked"}),
    "shortest duration": Predicate({"min_duration_ns": 50 * MS_NS}, {"end_time_unix_nano": START_NS + 60 * MS_NS}),
    "longest duration": Predicate({"max_duration_ns": MS_NS}, {"end_time_unix_nano": START_NS + MS_NS // 2}),
    "status": Predicate({"status_codes": (StatusCode.OK, StatusCode.ERROR)}, {"status_code": StatusCode.OK}),
    "earliest start": Predicate({"start_us": BASE_US + 1}, {"start_time_unix_nano": START_NS + 1_000}),
    "latest start": Predicate({"end_us": BASE_US - 1}, {"start_time_unix_nano": START_NS - 1}),
    "tag": Predicate({"tags": (Tag(key="k", value="200"),)}, {"attributes": {"k": 200}}),
    "kind": Predicate({"tags": (Tag(key="span.kind", value="client"),)}, {"kind": SpanKind.CLIENT}),
    "scope": Predicate({"tags": (Tag(key="scope.name", value="asked"),)}, {"scope": Scope(name="asked")}),
}

# Both bound the same field of a span, so that no span can fulfil both.
EXCLUSIVE = ({"shortest duration", "longest duration"}, {"earliest start", "latest start"})
PAIRS = [pair for pair in combinations(PREDICATES, 2) if set(pair) not in EXCLUSIVE]


def both(one: SearchFields, other: SearchFields) -> SearchFields:
    """Both questions in one; tags add up."""
    asked: SearchFields = {**one, **other}
    asked["tags"] = (*one.get("tags", ()), *other.get("tags", ()))
    return asked


@pytest.mark.parametrize("predicate", PREDICATES.values(), ids=PREDICATES.keys())
async def test_one_predicate(store: Store, predicate: Predicate) -> None:
    hit, miss = span(**merged(PLAIN, predicate.fulfilled)), span(**PLAIN)
    await store.put(hit, miss)
    assert await store.found(search(**predicate.asked)) == [hit.trace_id]


@pytest.mark.parametrize(("left", "right"), PAIRS, ids=[" and ".join(pair) for pair in PAIRS])
async def test_two_predicates_hold_on_one_and_the_same_span(store: Store, left: str, right: str) -> None:
    one, other = PREDICATES[left], PREDICATES[right]
    hit = span(**merged(PLAIN, one.fulfilled, other.fulfilled))
    spread = trace_id()
    await store.put(
        span(**merged(PLAIN, one.fulfilled, {"trace_id": spread})),
        hit,
        span(**merged(PLAIN, other.fulfilled, {"trace_id": spread})),
    )
    assert await store.found(search(**both(one.asked, other.asked))) == [hit.trace_id]


async def test_all_predicates_at_once(store: Store) -> None:
    chosen = [PREDICATES[name] for name in PREDICATES if name not in ("longest duration", "latest start")]
    asked, fulfilled = SearchFields(), SpanFields()
    for predicate in chosen:
        asked, fulfilled = both(asked, predicate.asked), merged(fulfilled, predicate.fulfilled)
    hit = span(**fulfilled)
    misses = [span(**merged(fulfilled, {"name": "plain"})), span(**merged(fulfilled, {"attributes": {"k": 201}}))]
    await store.put(hit, *misses)
    assert await store.found(search(**asked)) == [hit.trace_id]


TIME_BOUNDS = {
    "starts at the first microsecond": (0, True),
    "starts at the end of the last microsecond": (10_999, True),
    "starts before": (-1, False),
    "starts after": (11_000, False),
}


@pytest.mark.parametrize(("offset_ns", "found"), TIME_BOUNDS.values(), ids=TIME_BOUNDS.keys())
async def test_time_bounds_are_inclusive(store: Store, offset_ns: int, *, found: bool) -> None:
    one = span(start_time_unix_nano=START_NS + offset_ns, end_time_unix_nano=START_NS + 20_000)
    await store.put(one)
    asked = search(start_us=BASE_US, end_us=BASE_US + 10)
    assert await store.found(asked) == ([one.trace_id] if found else [])


DURATION_BOUNDS = {"at the shortest": (1_001, True), "at the longest": (2_001, True), "too short": (1_000, False)}
DURATION_BOUNDS |= {"too long": (2_002, False), "negative": (-1_500, False)}


@pytest.mark.parametrize(("lasting_ns", "found"), DURATION_BOUNDS.values(), ids=DURATION_BOUNDS.keys())
async def test_duration_bounds_are_inclusive(store: Store, lasting_ns: int, *, found: bool) -> None:
    one = span(lasting_ns=lasting_ns)
    await store.put(one)
    asked = search(min_duration_ns=1_001, max_duration_ns=2_001)
    assert await store.found(asked) == ([one.trace_id] if found else [])


async def test_negative_durations_are_short(store: Store) -> None:
    one = span(lasting_ns=-1_500)
    await store.put(one)
    assert await store.found(search(max_duration_ns=-1_500)) == [one.trace_id]
    assert await store.found(search(max_duration_ns=-1_501)) == []


@pytest.mark.parametrize("codes", [(0,), (1,), (2,), (0, 2), (0, 1, 2), ()], ids=str)
async def test_status_codes_are_alternatives(store: Store, codes: tuple[int, ...]) -> None:
    sent = [span(status_code=code, at_us=-code) for code in StatusCode]
    await store.put(*sent)
    expected = [one.trace_id for one in sent if one.status_code in codes or not codes]
    assert await store.found(search(status_codes=codes)) == expected


async def test_other_workspaces_are_never_found(store: Store) -> None:
    mine, theirs = workspace(), workspace()
    own = span()
    await store.put(own, workspace_id=mine)
    await store.put(span(), replace(own, name="theirs"), workspace_id=theirs)
    assert await store.found(search(workspace_id=mine)) == [own.trace_id]
    assert await store.found(search(workspace_id=mine, operation="theirs")) == []


async def test_an_unnamed_service_can_be_found_by_its_operation(store: Store) -> None:
    one = span(resource=Resource(), name="lonely")
    await store.put(one)
    assert await store.found(search(operation="lonely")) == [one.trace_id]


async def test_newest_first_by_the_newest_matching_span(store: Store) -> None:
    old, new = trace_id(), trace_id()
    await store.put(
        span(trace_id=old, at_us=0, name="asked"),
        span(trace_id=new, at_us=1, name="asked"),
        span(trace_id=new, at_us=-50, name="asked"),
        # Newer, but it does not match: it must not lift its trace.
        span(trace_id=old, at_us=100, name="other"),
    )
    assert await store.found(search(operation="asked")) == [new, old]
    assert await store.found(search()) == [old, new]


async def put_many(store: Store, *, traces: int, spans_each: int, step_us: int = 1) -> list[bytes]:
    """Stores interleaved traces; answers their ids, newest first."""
    ids = [trace_id() for _ in range(traces)]
    sent = [
        span(trace_id=one, at_us=(number + traces * repeat) * step_us)
        for repeat in range(spans_each)
        for number, one in enumerate(ids)
    ]
    await store.put(*sent)
    return ids[::-1]


@pytest.mark.parametrize("limit", [1, 7, 24, 25, 26, 1_000])
async def test_exactly_as_many_traces_as_asked_for(store: Store, limit: int) -> None:
    newest_first = await put_many(store, traces=25, spans_each=4)
    assert await store.found(search(limit=limit)) == newest_first[:limit]


@pytest.mark.parametrize("limit", [1, 7, 25, 26])
async def test_pages_neither_repeat_nor_skip(store: Store, limit: int) -> None:
    newest_first = await put_many(store, traces=25, spans_each=4)
    pages = await store.pages(search(limit=limit))
    assert [one for page in pages for one in page] == newest_first


@pytest.mark.parametrize("limit", [1, 3, 10])
async def test_pages_of_traces_that_start_together(store: Store, limit: int) -> None:
    together = sorted(await put_many(store, traces=10, spans_each=2, step_us=0), reverse=True)
    pages = await store.pages(search(limit=limit))
    assert [one for page in pages for one in page] == together


async def test_spans_that_arrive_between_pages_do_not_repeat_a_trace(store: Store) -> None:
    newest_first = await put_many(store, traces=6, spans_each=2)
    first = await store.reader.find_traces(search(limit=3))
    await store.put(span(trace_id=newest_first[0], at_us=-1), span(at_us=500))
    rest = await store.pages(search(limit=3, after=first.cursor))
    assert [*first.trace_ids, *(one for page in rest for one in page)] == newest_first


async def test_no_cursor_when_nothing_is_found(store: Store) -> None:
    await store.put(span())
    page = await store.reader.find_traces(search(operation="unknown"))
    assert (list(page.trace_ids), page.cursor) == ([], None)


async def test_an_empty_range_finds_nothing(store: Store) -> None:
    await store.put(span())
    assert await store.found(search(start_us=BASE_US + 1, end_us=BASE_US)) == []


HELD: list[Value] = ["200", 200, 200.0, 1, True, "true", None, "", b"\x01", "AQ==", [1], ["AQ=="], {"a": [1]}, []]
# Deliberately few of everything, so that searches find something and traces collide.
held_attributes = st.dictionaries(st.sampled_from("kl"), st.sampled_from(HELD), max_size=2)
searched_spans = st.builds(
    span,
    service=st.sampled_from("ab"),
    at_us=st.integers(-3, 3),
    lasting_ns=st.integers(-1, 3),
    trace_id=st.sampled_from([bytes([number]) * 16 for number in (1, 2, 127, 128, 255)]),
    span_id=st.sampled_from([bytes([number]) * 8 for number in (1, 2, 3)]),
    name=st.sampled_from("xy"),
    kind=st.sampled_from(SpanKind),
    status_code=st.sampled_from(StatusCode),
    attributes=held_attributes,
    scope=st.builds(Scope, name=st.sampled_from("mn"), attributes=held_attributes),
    events=st.lists(st.builds(Event, attributes=held_attributes), max_size=2),
    links=st.lists(st.builds(Link, attributes=held_attributes), max_size=1),
)
tags = st.one_of(
    st.builds(Tag, key=st.sampled_from(("k", "l", "resource.service.name")), value=st.sampled_from(HELD).map(printed)),
    st.builds(Tag, key=st.just("error"), value=st.sampled_from(("true", "false"))),
    st.builds(Tag, key=st.just("span.kind"), value=st.sampled_from([kind.name.lower() for kind in SpanKind])),
    st.builds(Tag, key=st.just("scope.name"), value=st.sampled_from("mno")),
)
searches = st.builds(
    TraceSearch,
    workspace_id=st.builds(workspace),
    start_us=st.integers(BASE_US - 4, BASE_US),
    end_us=st.integers(BASE_US, BASE_US + 4),
    limit=st.integers(1, 4),
    service=st.none() | st.sampled_from("ab"),
    operation=st.none() | st.sampled_from("xy"),
    min_duration_ns=st.none() | st.integers(-1, 3),
    max_duration_ns=st.none() | st.integers(-1, 3),
    status_codes=st.lists(st.sampled_from(StatusCode), max_size=2, unique=True),
    tags=st.lists(tags, max_size=2),
)


@settings(unhurried, max_examples=60)
@given(sent=st.lists(searched_spans, max_size=12), asked=searches)
async def test_any_search_agrees_with_the_double(store: Store, sent: list[Span], asked: TraceSearch) -> None:
    double = MemoryStore()
    oracle = Store(
        writer=double, reader=double, logs=double.logs, frames=MemoryFrames(double), samples=MemorySamples(double)
    )
    for one in (store, oracle):
        await one.put(*sent, workspace_id=asked.workspace_id)
    pages, expected = await store.pages(asked), await oracle.pages(asked)
    assert [found for page in pages for found in page] == [found for page in expected for found in page]
    assert all(len(page) == asked.limit for page, _ in pairwise(pages))


async def test_a_service_name_of_any_length_is_found(store: Store) -> None:
    name = "s" * 304
    one = span(service=name)
    await store.put(one)
    assert await store.found(search(service=name)) == [one.trace_id]
    assert [operation.name for operation in await store.reader.operations(1, service=name)] == [one.name]
