"""TraceQL over PostgreSQL: order, pages, and what bounds a query."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from query.traceql.metrics import metric_query
from query.traceql.parser import parse
from query.traceql.search import trace_query
from storage.api import SearchCursor, Window
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from storage.trace_query import MatchPage
from tests.support.database import reading
from tests.support.factory import BASE_US, HOUR_US, SECOND_US, span, trace_id, workspace
from tests.support.store import Store
from tracedata import RetryableError, Span


def _window(workspace_id: int, *, end_us: int = BASE_US + HOUR_US) -> Window:
    return Window(workspace_id=workspace_id, start_us=BASE_US, end_us=end_us)


def _reader(store: Store, **bounds: float) -> PostgresTraceQueryReader:
    assert isinstance(store.reader, PostgresSpanReader)
    ticks: Iterator[float] = iter(range(1_000_000))
    return PostgresTraceQueryReader(
        store.reader.pool,
        max_traces=int(bounds.get("max_traces", 10_000)),
        budget_s=bounds.get("budget_s", 10_000),
        clock=lambda: next(ticks),
    )


async def _found(
    store: Store, text: str, workspace_id: int, *, limit: int = 20, after: SearchCursor | None = None, **bounds: float
) -> MatchPage:
    asked = trace_query(parse(text), _window(workspace_id), limit=limit, after=after)
    return await _reader(store, **bounds).find_matches(asked)


def _traces(count: int) -> list[Span]:
    return [span(at_us=number * SECOND_US, name=f"n{number}", attributes={"n": number}) for number in range(count)]


async def test_traces_come_newest_first_and_pages_never_repeat_one(postgres_store: Store) -> None:
    workspace_id, sent = workspace(), _traces(25)
    # A second, older span of each trace must not bring it again.
    older = [replace(one, span_id=b"\2" * 8, start_time_unix_nano=BASE_US * 1_000) for one in sent]
    await postgres_store.put(*sent, *older, workspace_id=workspace_id)
    found: list[bytes] = []
    after: SearchCursor | None = None
    while True:
        page = await _found(postgres_store, "{ span.n >= 3 } | count() > 0", workspace_id, limit=4, after=after)
        found += [match.trace_id for match in page.matches]
        after = page.cursor
        if after is None:
            break
        assert len(page.matches) == 4
    assert found == [one.trace_id for one in reversed(sent[3:])]


async def test_other_workspaces_and_times_are_not_seen(postgres_store: Store) -> None:
    mine, other = workspace(), workspace()
    inside, before, after = span(), span(at_us=-1), span(at_us=HOUR_US + 1)
    await postgres_store.put(inside, before, after, workspace_id=mine)
    canary = replace(inside, span_id=b"\3" * 8, parent_span_id=inside.span_id, name="canary")
    await postgres_store.put(canary, workspace_id=other)
    for text in ("{}", "{ traceDuration >= 0s }", "{} || {}", "{ childCount = 0 }", "{} !< {}"):
        page = await _found(postgres_store, text, mine)
        assert [(match.trace_id, match.sets[0].matched) for match in page.matches] == [(inside.trace_id, 1)], text
    asked = metric_query(parse("{} | count_over_time()"), _window(mine))
    assert [point.measures for point in await _reader(postgres_store).measure(asked)] == [[1.0]]


async def test_a_trace_is_known_beyond_the_window(postgres_store: Store) -> None:
    workspace_id = workspace()
    root = span(at_us=-SECOND_US, name="root", lasting_ns=3_000_000_000)
    child = replace(span(), trace_id=root.trace_id, parent_span_id=root.span_id)
    await postgres_store.put(root, child, workspace_id=workspace_id)
    page = await _found(postgres_store, '{ rootName = "root" && traceDuration = 3s }', workspace_id)
    assert [match.sets[0].matched for match in page.matches] == [1]


async def test_a_page_ends_after_so_many_candidates_and_goes_on_where_it_ended(postgres_store: Store) -> None:
    workspace_id, sent = workspace(), _traces(250)
    await postgres_store.put(*sent, workspace_id=workspace_id)
    # The candidates are all traces; only the oldest is found.
    text = '{ rootName = "n0" }'
    first = await _found(postgres_store, text, workspace_id, limit=100, max_traces=100)
    assert first.matches == []
    assert first.cursor is not None
    second = await _found(postgres_store, text, workspace_id, limit=100, max_traces=100, after=first.cursor)
    assert second.matches == []
    third = await _found(postgres_store, text, workspace_id, limit=100, max_traces=100, after=second.cursor)
    assert [match.trace_id for match in third.matches] == [sent[0].trace_id]
    assert third.cursor is None


async def test_a_page_ends_when_its_time_is_over(postgres_store: Store) -> None:
    workspace_id = workspace()
    await postgres_store.put(*_traces(250), workspace_id=workspace_id)
    # Every look at the clock is a second later.
    page = await _found(postgres_store, '{ rootName = "n0" }', workspace_id, limit=100, budget_s=0.5)
    assert page.matches == []
    assert page.cursor is not None


async def test_spans_and_sets_that_are_shown_are_bounded(postgres_store: Store) -> None:
    workspace_id, of = workspace(), trace_id()
    sent = [span(trace_id=of, at_us=number, name=f"n{number:02}") for number in range(30)]
    await postgres_store.put(*sent, workspace_id=workspace_id)
    (match,) = (await _found(postgres_store, "{}", workspace_id)).matches
    assert (match.sets[0].matched, [one.name for one in match.sets[0].spans]) == (30, [f"n{n:02}" for n in range(10)])
    (match,) = (await _found(postgres_store, "{} | by(name)", workspace_id)).matches
    assert len(match.sets) == 20


@pytest.mark.parametrize("length", [1, 254, 255, 300])
async def test_a_service_is_known_by_all_of_its_name(postgres_store: Store, length: int) -> None:
    workspace_id, name = workspace(), "s" * length
    await postgres_store.put(span(service=name), span(service="s" * 301), workspace_id=workspace_id)
    text = f'{{ resource.service.name = "{name}" }} | by(resource.service.name) | select(.service.name)'
    (match,) = (await _found(postgres_store, text, workspace_id)).matches
    assert match.sets[0].values == [("by(resource.service.name)", name)]
    assert match.sets[0].spans[0].values == [(".service.name", name)]


async def test_spans_that_share_an_id_are_told_apart(postgres_store: Store) -> None:
    workspace_id, of, shared = workspace(), trace_id(), b"\5" * 8
    root = span(trace_id=of, name="root")
    below = span(trace_id=of, span_id=shared, parent_span_id=root.span_id, at_us=1, name="below")
    beside = span(trace_id=of, span_id=shared, at_us=2, name="beside")
    await postgres_store.put(root, below, beside, workspace_id=workspace_id)
    for operator, names in (
        (">", ["below"]),
        (">>", ["below"]),
        ("!>", ["root", "beside"]),
        ("!>>", ["root", "beside"]),
    ):
        (match,) = (await _found(postgres_store, f'{{ name = "root" }} {operator} {{}}', workspace_id)).matches
        assert [one.name for one in match.sets[0].spans] == names, operator


async def test_a_circle_of_parents_ends(postgres_store: Store) -> None:
    workspace_id, of = workspace(), trace_id()
    ids = [bytes([number]) * 8 for number in (1, 2, 3)]
    sent = [
        span(trace_id=of, span_id=one, parent_span_id=above, at_us=number)
        for number, (one, above) in enumerate(zip(ids, [*ids[1:], ids[0]], strict=True))
    ]
    await postgres_store.put(*sent, workspace_id=workspace_id)
    for text in ("{} >> {}", "{} << {}", "{} &>> {}"):
        (match,) = (await _found(postgres_store, text, workspace_id)).matches
        assert match.sets[0].matched == 3


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a|a)*b", "(.*.*.*)x", "((a{1,7}){1,7})b", "(?i)(é|É)*ß"])
async def test_a_regular_expression_cannot_run_for_long(
    shared_postgres_dsn: str, postgres_store: Store, pattern: str
) -> None:
    workspace_id = workspace()
    await postgres_store.put(span(attributes={"a": "a" * 20_000}), workspace_id=workspace_id)
    asked = trace_query(parse(f'{{ span.a =~ "{pattern}" }}'), _window(workspace_id), limit=1)
    began = time.monotonic()
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1, statement_timeout_s=1.0)) as reader:
        try:
            assert (await PostgresTraceQueryReader(reader.pool).find_matches(asked)).matches == []
        except RetryableError as exc:
            assert "QueryCanceled" in str(exc)  # noqa: PT017 - either is fine, as long as it ends
    assert time.monotonic() - began < 10
