"""The full-text index over a real PostgreSQL: what it follows, what it forgets, and who fills it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from storage.interaction_reader import InteractionSearch
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.interaction_row import INTERACTION_COLUMNS, encode_interaction
from storage.postgres.measurement import PostgresMeter, PostgresMeterConfig
from storage.postgres.partition import AI_SEARCH, Upkeep, keep_ahead
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.retention import remove
from storage.postgres.search_index import SearchIndex, SearchIndexConfig, index_once
from storage.postgres.table import Table
from tests.support.database import rows, transaction, until, value
from tests.support.interaction import interaction
from tests.support.interaction_store import everything, put_rows

_TABLE = Table("ai_interactions", INTERACTION_COLUMNS)
_ENTRIES = "SELECT count(*) FROM relayscope.ai_search"


async def _hits(dsn: str, text: str) -> int:
    reader = PostgresInteractionReader(ReaderConfig(dsn=dsn, max_connections=1))
    await reader.start()
    try:
        page = await reader.search(InteractionSearch(where=everything(), text=text, limit=100))
    finally:
        await reader.aclose()
    return len(page.items)


@asynccontextmanager
async def _filling(dsn: str, **fields: float) -> AsyncIterator[SearchIndex]:
    config = replace(SearchIndexConfig(dsn=dsn, pause_s=0.02, retry_s=0.05, rest=0.0), **fields)
    index = SearchIndex(config)
    await index.start()
    try:
        yield index
    finally:
        await index.aclose()


async def test_new_interactions_are_found_soon(shared_postgres_dsn: str) -> None:
    async with _filling(shared_postgres_dsn, slice_rows=3):
        await put_rows(shared_postgres_dsn, [interaction(prompt=f"fresh {number}") for number in range(10)])

        async def are_all_found() -> bool:
            return await _hits(shared_postgres_dsn, "fresh") == 10

        await until(are_all_found)


async def test_a_transaction_that_ends_late_is_not_missed(shared_postgres_dsn: str) -> None:
    dsn = shared_postgres_dsn
    late = encode_interaction(interaction(prompt="late"), workspace_id=1)
    async with _filling(dsn):
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await _TABLE.copy(connection, [late])
            await put_rows(dsn, [interaction(prompt="early")])
            await until(lambda: _hits(dsn, "early"))
            assert await _hits(dsn, "late") == 0
            await connection.commit()
        await until(lambda: _hits(dsn, "late"))


async def test_what_was_replaced_is_indexed_again_and_what_is_gone_is_forgotten(shared_postgres_dsn: str) -> None:
    dsn = shared_postgres_dsn
    kept = interaction(prompt="old words")
    gone = interaction(trace_id=kept.trace_id, prompt="gone words")
    silent = interaction(trace_id=kept.trace_id, prompt="silent words")
    await put_rows(dsn, [kept, gone, silent])
    await index_once(dsn)
    assert await _hits(dsn, "words") == 3
    await rows(dsn, "DELETE FROM relayscope.ai_interactions")
    assert await _hits(dsn, "words") == 0
    await put_rows(dsn, [replace(kept, prompt="new sentence"), replace(silent, prompt="")])
    await index_once(dsn)
    assert (await _hits(dsn, "words"), await _hits(dsn, "sentence")) == (0, 1)
    assert await value(dsn, _ENTRIES) == 1


async def test_another_leader_goes_on_where_one_stopped(shared_postgres_dsn: str) -> None:
    dsn = shared_postgres_dsn
    await put_rows(dsn, [interaction(prompt="first")])
    assert await index_once(dsn) == 1
    await put_rows(dsn, [interaction(prompt="second")])
    assert await index_once(dsn) == 1
    assert await index_once(dsn) == 0


async def test_one_at_a_time_fills_the_index(shared_postgres_dsn: str) -> None:
    dsn = shared_postgres_dsn
    lock = "SELECT pg_try_advisory_lock(hashtext('relayscope.ai_search'))"
    async with transaction(dsn) as connection:
        assert (await (await connection.execute(lock)).fetchone()) == (True,)
        async with _filling(dsn):
            await put_rows(dsn, [interaction(prompt="waits")])
            await asyncio.sleep(0.2)
            assert await value(dsn, _ENTRIES) == 0
            await connection.execute("SELECT pg_advisory_unlock_all()")
            await until(lambda: value(dsn, _ENTRIES))


@pytest.mark.parametrize(
    "text", ["x" * 16_000, "\U0001f600 " * 8_000, "a" * 5_000 + " needle"], ids=["long", "emoji", "both"]
)
async def test_no_text_stops_the_index(shared_postgres_dsn: str, text: str) -> None:
    dsn = shared_postgres_dsn
    await put_rows(dsn, [interaction(prompt=text, response=text), interaction(prompt="after it")])
    await index_once(dsn)
    assert await _hits(dsn, "after") == 1


async def test_it_starts_without_a_database_and_ends_at_once() -> None:
    index = SearchIndex(SearchIndexConfig(dsn="postgresql://127.0.0.1:1/none"))
    await index.aclose()
    await index.start()
    await index.aclose()
    await index.aclose()


async def test_the_lag_is_measured(shared_postgres_dsn: str) -> None:
    dsn = shared_postgres_dsn
    meter = PostgresMeter(PostgresMeterConfig(dsn=dsn))
    await put_rows(dsn, [interaction(prompt="x")])
    await index_once(dsn)
    measured = await meter.measure()
    assert (measured.search_pending, measured.search_lag_s) == (0, 0.0)
    await put_rows(dsn, [interaction(prompt="x") for _ in range(5)])
    measured = await meter.measure()
    assert measured.search_pending == 5
    assert 0 < measured.search_lag_s < 60


async def test_entries_get_partitions_and_go_with_them(postgres_dsn: str) -> None:
    now = datetime.now(UTC)
    starts = [int((now - timedelta(days=days)).timestamp()) * 10**9 for days in (0, 10, 400)]
    await put_rows(
        postgres_dsn,
        [interaction(start_time_unix_nano=start, end_time_unix_nano=start, prompt="x") for start in starts],
    )
    await index_once(postgres_dsn)
    async with await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as connection:
        assert await keep_ahead(connection, Upkeep(ahead=0), signal=AI_SEARCH, now=now) == 2
        assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.ai_search_default") == 0
        removal = await remove(connection, signal=AI_SEARCH, cutoff=now - timedelta(days=2), pause=asyncio.sleep)
    assert (len(removal.dropped), removal.rows) == (1, 1)
    assert await value(postgres_dsn, _ENTRIES) == 1
