"""Who rolls up: one at a time, whatever happens to it, with plans that read little, and what retention takes along."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from storage.api import Window
from storage.postgres.partition import SPANS
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.retention import remove
from storage.postgres.rollup_leader import Rollup, RollupConfig
from storage.postgres.rollup_reader import STATEMENTS, Question, covered
from storage.postgres.rollup_status import StoredRollups
from storage.postgres.writer import WriterConfig
from storage.rollup import RollupStatus
from tests.support.database import reading, rows, terminate, until, until_blocked, value, writing
from tests.support.factory import BASE_US, HOUR_US, batch, span
from tests.support.rolled import assert_same_map, roll_up, traces
from tests.support.service_map import service_map_of
from tracedata import Span

pytestmark = pytest.mark.postgres
_ALL = Window(workspace_id=1, start_us=BASE_US - 72 * HOUR_US, end_us=BASE_US + 72 * HOUR_US)
_MARKS = "SELECT count(*) FROM relayscope.rollup_arrivals"
_APPLICATION = "relayscope-rollup"


async def write(dsn: str, *parts: list[Span]) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for part in parts:
            await writer.consume(batch(*part))


async def assert_right(dsn: str, spans: list[Span]) -> None:
    async with reading(ReaderConfig(dsn=dsn, max_connections=1)) as reader:
        assert_same_map(await reader.service_map(_ALL), service_map_of(spans, _ALL))


async def test_several_who_roll_up_at_once_agree(shared_postgres_dsn: str) -> None:
    spans = traces(random.Random(7), 25)
    middle = len(spans) // 2
    await write(shared_postgres_dsn, spans[:middle])
    await asyncio.gather(*(roll_up(shared_postgres_dsn) for _ in range(3)), write(shared_postgres_dsn, spans[middle:]))
    await assert_right(shared_postgres_dsn, spans)
    await roll_up(shared_postgres_dsn)
    assert await value(shared_postgres_dsn, _MARKS) == 0
    await assert_right(shared_postgres_dsn, spans)


async def test_one_that_dies_in_the_middle_leaves_all_as_it_was(shared_postgres_dsn: str) -> None:
    spans = traces(random.Random(8), 25)
    await write(shared_postgres_dsn, spans)
    waiting = await value(shared_postgres_dsn, _MARKS)
    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn) as holder:
        # It has taken marks by then, and waits for the rows that it is about to remove.
        await holder.execute("LOCK TABLE relayscope.span_metrics_1m IN EXCLUSIVE MODE")
        work = asyncio.create_task(roll_up(shared_postgres_dsn))
        await until_blocked(shared_postgres_dsn, _APPLICATION)
        assert await terminate(shared_postgres_dsn, _APPLICATION) == 1
        with pytest.raises(Exception, match="roll up"):
            await work
    assert await value(shared_postgres_dsn, _MARKS) == waiting
    await assert_right(shared_postgres_dsn, spans)
    await roll_up(shared_postgres_dsn)
    await assert_right(shared_postgres_dsn, spans)


async def test_a_leader_rolls_up_what_is_quiet_and_another_takes_over(shared_postgres_dsn: str) -> None:
    config = RollupConfig(dsn=shared_postgres_dsn, poll_s=0.01, quiet_s=0.0, retry_s=0.01)
    first, second = Rollup(config), Rollup(config)
    await first.start()

    async def leads(one: Rollup) -> bool:
        return one.is_leader

    async def is_done() -> bool:
        return bool(await value(shared_postgres_dsn, _MARKS) == 0)

    await until(lambda: leads(first))
    await second.start()
    spans = traces(random.Random(9), 5)
    await write(shared_postgres_dsn, spans)
    await until(is_done)
    assert not second.is_leader
    await first.aclose()
    await until(lambda: leads(second))
    await write(shared_postgres_dsn, [span(service="late")])
    await until(is_done)
    await second.aclose()


async def test_what_goes_on_changing_is_left_alone(shared_postgres_dsn: str) -> None:
    await write(shared_postgres_dsn, [span()])
    await Rollup(RollupConfig(dsn=shared_postgres_dsn)).drain(quiet_s=3_600)
    assert await value(shared_postgres_dsn, _MARKS) == 1


async def test_the_map_of_changed_minutes_reads_spans_by_indexes(shared_postgres_dsn: str) -> None:
    spans = traces(random.Random(3), 20)
    await write(shared_postgres_dsn, spans)
    async with (
        reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1)) as reader,
        reader.pool.snapshot(STATEMENTS["snapshot"], action="plan") as ask,
    ):
        parameters = await covered(ask, Question(window=_ALL))
        plans = [
            "\n".join(row[0] for row in await ask(f"EXPLAIN {STATEMENTS[name]}", parameters))
            for name in ("edges", "services")
        ]
    for plan in plans:
        assert "Index" in plan
        assert "Seq Scan" not in plan


async def test_what_retention_drops_is_dropped_from_rollups(shared_postgres_dsn: str) -> None:
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    old, new = now - timedelta(days=9), now - timedelta(days=2)
    made = [
        replace(
            one,
            start_time_unix_nano=round(at.timestamp()) * 10**9,
            end_time_unix_nano=round(at.timestamp()) * 10**9 + 5,
        )
        for at, one in ((old, span(service="old")), (new, span(service="new")))
    ]
    asked = Window(workspace_id=1, start_us=0, end_us=round(now.timestamp()) * 10**6)
    await write(shared_postgres_dsn, made)
    await roll_up(shared_postgres_dsn)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=1)) as reader:
        assert [one.service for one in (await reader.service_map(asked)).nodes] == ["new", "old"]
        async with await psycopg.AsyncConnection.connect(shared_postgres_dsn, autocommit=True) as connection:
            done = await remove(connection, signal=SPANS, cutoff=now - timedelta(days=5), pause=asyncio.sleep)
        assert len(done.dropped) == 1
        for _ in range(2):
            assert [one.service for one in (await reader.service_map(asked)).nodes] == ["new"]
            await roll_up(shared_postgres_dsn)
        assert (
            await rows(shared_postgres_dsn, "SELECT FROM relayscope.span_metrics_1d WHERE service_name = 'old'") == []
        )
        # What comes for a time that was dropped is counted like everything else that is stored.
        await write(shared_postgres_dsn, made[:1])
        for _ in range(2):
            assert [one.service for one in (await reader.service_map(asked)).nodes] == ["new", "old"]
            await roll_up(shared_postgres_dsn)


async def test_everything_can_be_rolled_up_once_more(shared_postgres_dsn: str) -> None:
    spans = traces(random.Random(4), 10)
    await write(shared_postgres_dsn, spans)
    await roll_up(shared_postgres_dsn)
    # As if it had never been rolled up, or not by this version.
    await rows(shared_postgres_dsn, "UPDATE relayscope.span_metrics_1m SET service_name = 'wrong'")
    await rows(shared_postgres_dsn, "DELETE FROM relayscope.service_edges_1d")
    rollups = StoredRollups(shared_postgres_dsn)
    told: list[RollupStatus] = []
    assert await rollups.mark(start=datetime(1970, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC)) > 0
    waiting = await rollups.status()
    assert waiting.dirty > 0
    assert waiting.lag_s >= 60
    await rollups.drain(on_progress=told.append)
    assert (told[-1].dirty, (await rollups.status()).dirty) == (0, 0)
    await assert_right(shared_postgres_dsn, spans)
