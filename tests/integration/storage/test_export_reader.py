"""What exports read, and what they leave behind."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any, LiteralString

import psycopg
import pytest

from query.search import SearchSelection
from query.traceql.parser import parse
from query.traceql.search import trace_query
from storage.api import DEFAULT_WORKSPACE_ID, Window
from storage.decision_reader import DecisionFilter
from storage.export import TraceSelection
from storage.interaction_reader import InteractionFilter
from storage.postgres.export_reader import ExportConfig, PostgresExportReader
from storage.postgres.writer import WriterConfig
from tests.support.canonical import canonical
from tests.support.database import until_blocked, value, writing
from tests.support.decision import decision, full_decision
from tests.support.factory import BASE_US, HOUR_US, SECOND_US, full_span, search, span, trace_id
from tests.support.interaction import interaction
from tests.support.store import Store
from tracedata import Batch, Decision, Interaction, RetryableError, Span

WINDOW: dict[str, Any] = {
    "workspace_id": DEFAULT_WORKSPACE_ID,
    "start_us": BASE_US - HOUR_US,
    "end_us": BASE_US + HOUR_US,
}
SECOND_NS = 1_000_000_000


@pytest.fixture
async def reader(shared_postgres_dsn: str) -> AsyncIterator[PostgresExportReader]:
    made = PostgresExportReader(ExportConfig(dsn=shared_postgres_dsn, max_connections=1, connect_timeout_s=1))
    await made.start()
    yield made
    await made.aclose()


def selection(**fields: Any) -> TraceSelection:  # noqa: ANN401 - the fields of the search
    return SearchSelection(search=search(**{**WINDOW, **fields}))


def asked(text: str) -> TraceSelection:
    return trace_query(parse(text), Window(**WINDOW), limit=0)


async def exported(reader: PostgresExportReader, wanted: TraceSelection) -> list[Span]:
    async with reader.spans(wanted) as found:
        return [one async for portion in found.portions() for one in portion]


def trace_of(count: int, *, at_us: int, **fields: Any) -> list[Span]:  # noqa: ANN401 - the fields of the span
    trace = trace_id()
    return [span(trace_id=trace, at_us=at_us + number, **fields) for number in range(count)]


async def test_traces_come_whole_by_their_first_span_and_each_by_start(
    postgres_store: Store, reader: PostgresExportReader
) -> None:
    # More traces, and more spans of one, than are read at a time.
    traces = [trace_of(2, at_us=number * SECOND_US) for number in range(150)]
    traces.insert(40, trace_of(500, at_us=39 * SECOND_US + SECOND_US // 2))
    await postgres_store.put(*itertools.chain(*reversed(traces)))

    found = await exported(reader, selection())

    assert [canonical(one) for one in found] == [canonical(one) for trace in traces for one in trace]


async def test_a_trace_that_is_found_comes_with_its_spans_outside_of_the_time_and_the_filter(
    postgres_store: Store, reader: PostgresExportReader
) -> None:
    trace = trace_id()
    whole = [
        span(trace_id=trace, service="gateway"),
        span(trace_id=trace, service="provider", at_us=2 * HOUR_US),
    ]
    await postgres_store.put(*whole, span(service="other"), *trace_of(1, at_us=3 * HOUR_US, service="gateway"))

    found = await exported(reader, selection(service="gateway"))

    assert [canonical(one) for one in found] == [canonical(one) for one in whole]


async def test_a_query_means_the_traces_that_it_finds(postgres_store: Store, reader: PostgresExportReader) -> None:
    many = trace_of(3, at_us=0, service="gateway")
    await postgres_store.put(*many, *trace_of(2, at_us=5, service="gateway"), *trace_of(3, at_us=9, service="other"))

    # Only a whole trace can tell, so there are more candidates than matches.
    found = await exported(reader, asked('{ resource.service.name = "gateway" } | count() > 2'))

    assert {one.trace_id for one in found} == {many[0].trace_id}
    assert len(found) == 3


async def test_nothing_is_lost(postgres_store: Store, reader: PostgresExportReader) -> None:
    sent = full_span()
    await postgres_store.put(sent)
    (found,) = await exported(reader, selection(start_us=0, end_us=2**62))
    assert canonical(found) == canonical(sent)


async def test_large_spans_come_a_few_at_a_time_from_the_first_on(
    postgres_store: Store, reader: PostgresExportReader
) -> None:
    chars = 1024 * 1024
    await postgres_store.put(*trace_of(20, at_us=0, attributes={"k": "x" * chars}))
    async with reader.spans(selection()) as found:
        sizes = [len(portion) async for portion in found.portions()]
    assert sum(sizes) == 20
    assert max(sizes) * chars <= 2 * 1024 * 1024


async def test_other_workspaces_are_not_seen(postgres_store: Store, reader: PostgresExportReader) -> None:
    await postgres_store.put(span(), workspace_id=7)
    assert await exported(reader, selection()) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(selection(), 4), (selection(service="gateway"), None), (selection(service="nobody"), 0), (asked("{}"), None)],
    ids=["all", "some", "none", "query"],
)
async def test_says_how_many_are_expected(
    postgres_store: Store, reader: PostgresExportReader, wanted: TraceSelection, expected: int | None
) -> None:
    await postgres_store.put(*trace_of(4, at_us=0, service="gateway"))
    async with reader.spans(wanted) as found:
        assert found.expected == expected


async def test_an_export_sees_one_state(postgres_store: Store, reader: PostgresExportReader) -> None:
    before = [trace_of(1, at_us=number) for number in range(150)]
    await postgres_store.put(*itertools.chain(*before))
    async with reader.spans(selection()) as found:
        portions = found.portions()
        first = await anext(portions)
        # One in a trace that was read, one in a trace that comes later, and a new trace at the end.
        news = [before[0][0].trace_id, before[-1][0].trace_id, trace_id()]
        await postgres_store.put(*(span(trace_id=one, at_us=SECOND_US) for one in news))
        rest = [one async for portion in portions for one in portion]
    assert len(first) + len(rest) == 150
    assert len(await exported(reader, selection())) == 153


async def test_more_at_a_time_than_may_run_are_told_to_come_later(
    postgres_store: Store, reader: PostgresExportReader
) -> None:
    await postgres_store.put(span())
    async with reader.spans(selection()):
        with pytest.raises(RetryableError, match="running already"):
            await exported(reader, selection())
    assert len(await exported(reader, selection())) == 1


async def test_who_leaves_early_leaves_nothing_behind(
    postgres_store: Store, reader: PostgresExportReader, shared_postgres_dsn: str
) -> None:
    await postgres_store.put(*itertools.chain(*(trace_of(3, at_us=number) for number in range(120))))
    async with reader.spans(selection()) as found:
        assert await anext(found.portions())
    assert await _busy(shared_postgres_dsn) == 0
    # The same connection, as good as new.
    assert len(await exported(reader, selection())) == 360


async def test_a_cancelled_export_ends_its_statement(
    postgres_store: Store, reader: PostgresExportReader, shared_postgres_dsn: str
) -> None:
    await postgres_store.put(span())
    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn) as other:
        await other.execute("LOCK TABLE relayscope.spans IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(exported(reader, selection()))
        await until_blocked(shared_postgres_dsn, "relayscope-export")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _busy(shared_postgres_dsn) == 0
        await other.rollback()
    assert len(await exported(reader, selection())) == 1


async def _busy(dsn: str) -> object:
    """Sessions of exports that have a transaction."""
    query: LiteralString = """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'relayscope-export' AND state <> 'idle' AND datname = current_database()
    """
    return await value(dsn, query)


async def test_interactions_come_by_start_with_whole_texts(
    shared_postgres_dsn: str, reader: PostgresExportReader
) -> None:
    first = BASE_US * 1_000
    ones: list[Interaction] = [
        interaction(start_time_unix_nano=first + number * SECOND_NS, end_time_unix_nano=first + number * SECOND_NS + 1)
        for number in range(60)
    ]
    ones[1] = interaction(
        start_time_unix_nano=first + SECOND_NS, end_time_unix_nano=first + SECOND_NS + 1, prompt="x" * 9_000
    )
    other = interaction(operation="tool")
    await _put(shared_postgres_dsn, interactions=[*reversed(ones), other])
    async with reader.interactions(InteractionFilter(**WINDOW)) as found:
        assert found.expected == 60
        read = [one async for portion in found.portions() for one in portion]
    assert [one.span_id for one in read] == [one.span_id for one in ones]
    assert read[1].prompt == "x" * 9_000


async def test_decisions_come_by_time_those_without_a_trace_too(
    shared_postgres_dsn: str, reader: PostgresExportReader
) -> None:
    ones = [decision(id=f"d-{number}", time_unix_nano=BASE_US * 1_000 + number * SECOND_NS) for number in range(60)]
    ones.append(full_decision(id="last", time_unix_nano=BASE_US * 1_000 + 99 * SECOND_NS, outcome="deny"))
    await _put(shared_postgres_dsn, decisions=list(reversed(ones)))
    async with reader.decisions(DecisionFilter(**WINDOW)) as found:
        assert found.expected == 61
        read = [one async for portion in found.portions() for one in portion]
    assert [one.id for one in read] == [one.id for one in ones]
    assert read[-1] == ones[-1]
    async with reader.decisions(DecisionFilter(**WINDOW, outcome="deny")) as found:
        assert [[one.id for one in portion] async for portion in found.portions()] == [["last"]]


async def _put(dsn: str, *, interactions: Sequence[Interaction] = (), decisions: Sequence[Decision] = ()) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, interactions=interactions, decisions=decisions))
