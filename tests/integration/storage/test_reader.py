from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

import pytest

from storage.api import SearchCursor, Tag, Window
from storage.postgres.read_pool import ROWS_AT_ONCE, ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.writer import WriterConfig
from tests.support.database import reading, terminate, transaction, writing
from tests.support.factory import BASE_US, HOUR_US, SearchFields, batch, search, span, trace_id, window
from tests.support.postgres import Cluster
from tracedata import CallerError, RetryableError, Span

_CANARY = "canary.77c0@example.com"
_LOCK = "LOCK TABLE relayscope.spans, relayscope.operations, relayscope.migrations IN ACCESS EXCLUSIVE MODE"

Question = Callable[[PostgresSpanReader], Awaitable[object]]
QUESTIONS: Mapping[str, Question] = {
    "health": lambda reader: reader.health(),
    "services": lambda reader: reader.services(1),
    "operations": lambda reader: reader.operations(1, service="checkout"),
    "find": lambda reader: reader.find_traces(search()),
    "get": lambda reader: reader.get_traces(1, [b"\x01" * 16]),
    "page": lambda reader: reader.trace_spans(1, b"\x01" * 16, limit=9),
    "outlines": lambda reader: reader.outlines(1, [b"\x01" * 16]),
    "map": lambda reader: reader.service_map(window()),
    "edges": lambda reader: reader.service_edges(window()),
}
UNSPEAKABLE: Mapping[str, Question] = {
    f"{kind} in {place}": question
    for kind, text in {"NUL": f"{_CANARY}\0", "lone surrogate": f"{_CANARY}\ud800"}.items()
    for place, question in {
        "service of operations": lambda reader, text=text: reader.operations(1, service=text),
        "service": lambda reader, text=text: reader.find_traces(search(service=text)),
        "operation": lambda reader, text=text: reader.find_traces(search(operation=text)),
        "tag key": lambda reader, text=text: reader.find_traces(search(tags=[Tag(key=text, value="x")])),
        "tag value": lambda reader, text=text: reader.find_traces(search(tags=[Tag(key="x", value=text)])),
        "resource key": lambda reader, text=text: reader.find_traces(
            search(tags=[Tag(key=f"resource.{text}", value="")])
        ),
        "scope name": lambda reader, text=text: reader.find_traces(search(tags=[Tag(key="scope.name", value=text)])),
    }.items()
}
ABSURD: Mapping[str, SearchFields] = {
    "end before start": {"start_us": BASE_US, "end_us": BASE_US - 1},
    "before the first moment": {"start_us": -(2**80), "end_us": -1},
    "after the last moment": {"start_us": 2**80, "end_us": 2**81},
    "limit of zero": {"limit": 0},
    "duration beyond int64": {"min_duration_ns": 2**80},
    "duration below int64": {"max_duration_ns": -(2**80)},
    "unknown workspace": {"workspace_id": 2**40},
    "cursor before the first moment": {"after": SearchCursor(start_us=-1, trace_id=bytes(16))},
    "status code of no kind": {"status_codes": [2**40]},
}


async def _stored(dsn: str) -> Span:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        sent = span()
        await writer.consume(batch(sent))
        return sent


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
async def test_a_question_that_takes_too_long_is_retryable(shared_postgres_dsn: str, question: Question) -> None:
    config = ReaderConfig(dsn=shared_postgres_dsn, statement_timeout_s=0.1)
    async with reading(config) as reader, transaction(shared_postgres_dsn) as blocker:
        await blocker.execute(_LOCK)
        with pytest.raises(RetryableError, match="57014"):
            await question(reader)
        await blocker.rollback()
        await question(reader)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
async def test_an_unreachable_database_is_retryable(question: Question) -> None:
    config = ReaderConfig(dsn="postgresql://user:canary@127.0.0.1:1/none", connect_timeout_s=0.2)
    async with reading(config) as reader:
        with pytest.raises(RetryableError) as refused:
            await question(reader)
    assert "canary" not in str(refused.value)


async def test_a_lost_connection_is_not_noticed(shared_postgres_dsn: str) -> None:
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)) as reader:
        await reader.services(1)
        assert await terminate(shared_postgres_dsn, "relayscope-reader") >= 1
        await reader.services(1)


@pytest.mark.parametrize("question", UNSPEAKABLE.values(), ids=UNSPEAKABLE.keys())
async def test_text_that_no_span_can_hold_is_the_callers_fault(
    shared_postgres_dsn: str, question: Question, postgres_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = len(postgres_cluster.log())
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        with pytest.raises(CallerError) as refused:
            await question(reader)
    assert "canary" not in str(refused.value) + caplog.text + postgres_cluster.log()[before:]


@pytest.mark.parametrize("fields", ABSURD.values(), ids=ABSURD.keys())
async def test_an_absurd_search_finds_nothing(shared_postgres_dsn: str, fields: SearchFields) -> None:
    await _stored(shared_postgres_dsn)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        page = await reader.find_traces(search(**fields))
    assert (list(page.trace_ids), page.cursor) == ([], None)


async def test_a_search_over_all_time_finds_all(shared_postgres_dsn: str) -> None:
    sent = await _stored(shared_postgres_dsn)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        page = await reader.find_traces(search(start_us=-(2**80), end_us=2**80))
    assert page.trace_ids == [sent.trace_id]


@pytest.mark.parametrize(
    ("start_us", "end_us", "spans"),
    [(-(2**80), 2**80, [1]), (HOUR_US, -HOUR_US, []), (2**80, 2**81, []), (-(2**81), -(2**80), [])],
    ids=["all time", "end before start", "after the last moment", "before the first moment"],
)
async def test_an_absurd_window_of_the_map(
    shared_postgres_dsn: str, start_us: int, end_us: int, spans: list[int]
) -> None:
    await _stored(shared_postgres_dsn)
    absurd = Window(workspace_id=1, start_us=BASE_US + start_us, end_us=BASE_US + end_us)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        assert [node.spans for node in (await reader.service_map(absurd)).nodes] == spans
        assert list(await reader.service_edges(absurd)) == []


async def test_a_kind_of_no_kind_has_no_operations(shared_postgres_dsn: str) -> None:
    await _stored(shared_postgres_dsn)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        assert list(await reader.operations(1, service="checkout", kind=99)) == []


async def test_more_questions_than_connections_wait_for_their_turn(shared_postgres_dsn: str) -> None:
    sent = await _stored(shared_postgres_dsn)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)) as reader:
        answers = await asyncio.gather(*(reader.get_traces(1, [sent.trace_id]) for _ in range(30)))
    assert [list(answer) for answer in answers] == [[sent.trace_id]] * 30


async def test_connections_can_only_read(shared_postgres_dsn: str) -> None:
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        assert reader.pool._pool is not None
        async with reader.pool._pool.connection() as connection:
            with pytest.raises(Exception, match="read-only transaction"):
                await connection.execute("DELETE FROM relayscope.spans")


async def test_closing_is_idempotent_and_safe_before_start(shared_postgres_dsn: str) -> None:
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        await reader.aclose()
        await reader.aclose()


async def test_a_large_trace_leaves_the_event_loop_to_others(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    count = 20 * ROWS_AT_ONCE
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(*(span(trace_id=trace) for _ in range(count))))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        await reader.services(1)
        other = asyncio.create_task(take_turns())
        found = await reader.get_traces(1, [trace])
        other.cancel()
    assert len(found[trace]) == count
    assert turns >= count // ROWS_AT_ONCE
