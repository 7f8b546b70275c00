"""Rollups, beside brute force: spans that come late, twice and in any order, rolled up at any moment."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from query.search import compile_search
from storage.api import Window
from storage.postgres.interaction_reader import PostgresInteractionReader, is_rolled
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.rollup_statistics import PostgresSpanStatisticsReader
from storage.postgres.writer import WriterConfig
from tests.support.database import reading, rows, writing
from tests.support.factory import BASE_US, HOUR_US, batch, trace_id, workspace
from tests.support.interaction_store import MemoryPlace, put_rows
from tests.support.memory_interactions import MemoryInteractions
from tests.support.rolled import (
    assert_about_same,
    assert_same_map,
    assert_same_series,
    calls,
    questions,
    roll_up,
    span_counts,
    span_questions,
    traces,
    windows,
)
from tests.support.service_map import service_edges_of, service_map_of
from tracedata import Span

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", range(4))
async def test_the_map_is_that_of_all_spans_whenever_they_are_rolled_up(shared_postgres_dsn: str, seed: int) -> None:
    choice = random.Random(seed)
    own = workspace()
    sent = traces(choice, 30)
    late = [*sent, *choice.sample(sent, len(sent) // 5)]
    choice.shuffle(late)
    reader = PostgresSpanReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1), compile_search=compile_search)
    await reader.start()
    known: dict[int, Span] = {}
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        while late:
            part = [late.pop() for _ in range(min(len(late), choice.randrange(1, 40)))]
            await writer.consume(batch(*part, workspace_id=own))
            known |= {id(one): one for one in part}
            if choice.random() < 0.5:
                await roll_up(shared_postgres_dsn)
            asked = windows(choice, own)
            assert_same_map(await reader.service_map(asked), service_map_of(list(known.values()), asked))
            question = span_questions(choice, own)
            series = await PostgresSpanStatisticsReader(reader.pool).span_statistics(question)
            assert_same_series(series, span_counts(list(known.values()), question), limit=question.limit)
            edges = await reader.service_edges(asked)
            expected = service_edges_of(list(known.values()), asked)
            assert [(one.parent, one.child, one.statistics.calls) for one in edges] == [
                (one.parent, one.child, one.statistics.calls) for one in expected
            ]
    await roll_up(shared_postgres_dsn)
    assert await rows(shared_postgres_dsn, "SELECT FROM relayscope.rollup_arrivals") == []
    for _ in range(4):
        asked = windows(choice, own)
        assert_same_map(await reader.service_map(asked), service_map_of(list(known.values()), asked))
    await reader.aclose()


@pytest.mark.parametrize("seed", range(2))
async def test_ai_statistics_are_those_of_all_interactions(shared_postgres_dsn: str, seed: int) -> None:
    choice = random.Random(seed)
    double = MemoryInteractions()
    reader = PostgresInteractionReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1))
    await reader.start()
    for _ in range(6):
        made = calls(choice, 15)
        await put_rows(shared_postgres_dsn, made)
        await MemoryPlace(double).put(made, workspace_id=1)
        if choice.random() < 0.6:
            await roll_up(shared_postgres_dsn)
        for question in questions(choice):
            found, expected = await reader.statistics(question), await double.statistics(question)
            assert is_rolled(question)
            told = [
                [(one.bucket_us, one.key, one.statistics.calls) for one in table.rows] for table in (found, expected)
            ]
            assert told[0] == told[1]
            for one, other in zip(found.rows, expected.rows, strict=True):
                assert_about_same(one.statistics, other.statistics)
    await reader.aclose()


async def test_providers_of_models_are_on_the_map(shared_postgres_dsn: str) -> None:
    made = [replace(one, operation="chat", provider="openai", service_name="a") for one in calls(random.Random(1), 4)]
    await put_rows(shared_postgres_dsn, [*made, replace(made[0], trace_id=trace_id(), operation="agent")])
    asked = Window(workspace_id=1, start_us=BASE_US - 50 * HOUR_US, end_us=BASE_US + 50 * HOUR_US)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1)) as reader:
        for _ in range(2):
            (peer,) = (await reader.service_map(asked)).peers
            assert (peer.kind, peer.service, peer.peer, peer.statistics.calls) == ("model", "a", "openai", 4)
            await roll_up(shared_postgres_dsn)
