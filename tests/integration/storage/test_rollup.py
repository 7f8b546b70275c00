"""Rollups, beside brute force: spans that come late, twice and in any order, rolled up at any moment."""

from __future__ import annotations

import random

import pytest

from query.search import compile_search
from storage.postgres.interaction_reader import PostgresInteractionReader, is_rolled
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, writing
from tests.support.factory import batch, workspace
from tests.support.interaction_store import MemoryPlace, put_rows
from tests.support.memory_interactions import MemoryInteractions
from tests.support.rolled import assert_about_same, assert_same_map, calls, questions, roll_up, traces, windows
from tests.support.service_map import service_edges_of, service_map_of
from tracedata import Span

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", range(12))
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
            edges = await reader.service_edges(asked)
            expected = service_edges_of(list(known.values()), asked)
            assert [(one.parent, one.child, one.statistics.calls) for one in edges] == [
                (one.parent, one.child, one.statistics.calls) for one in expected
            ]
    await roll_up(shared_postgres_dsn)
    assert await rows(shared_postgres_dsn, "SELECT FROM relayscope.rollup_arrivals") == []
    for _ in range(8):
        asked = windows(choice, own)
        assert_same_map(await reader.service_map(asked), service_map_of(list(known.values()), asked))
    await reader.aclose()


@pytest.mark.parametrize("seed", range(3))
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
            told = [[(one.bucket_us, one.key, one.statistics.calls) for one in table.rows] for table in (found, expected)]
            assert told[0] == told[1]
            for one, other in zip(found.rows, expected.rows, strict=True):
                assert_about_same(one.statistics, other.statistics)
    await reader.aclose()
