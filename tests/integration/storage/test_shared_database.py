"""Tests that share a database do not see each other."""

from __future__ import annotations

import time

import psycopg
from psycopg import sql

from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.factory import batch, full_span, span
from tests.support.postgres import Cluster

_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'relayscope'::regnamespace AND relkind IN ('r', 'p')"
_COUNT = sql.SQL("SELECT count(*) FROM relayscope.{}")


async def _content(dsn: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        for (table,) in await (await connection.execute(_TABLES)).fetchall():
            (rows[table],) = await (await connection.execute(_COUNT.format(sql.Identifier(table)))).fetchone() or (0,)
    return rows


async def test_a_shared_database_is_left_as_a_fresh_one(postgres_cluster: Cluster) -> None:
    with postgres_cluster.database() as dsn:
        fresh = await _content(dsn)
    with postgres_cluster.shared_database() as dsn:
        writer = PostgresSpanWriter(WriterConfig(dsn=dsn))
        await writer.start()
        await writer.consume(batch(full_span(), span(start_time_unix_nano=time.time_ns()), workspace_id=7))
        await writer.aclose()
        assert (await _content(dsn)).keys() - fresh.keys(), "a partition was made"
    with postgres_cluster.shared_database() as dsn:
        assert await _content(dsn) == fresh
