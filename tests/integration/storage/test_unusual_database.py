"""Databases and users with other defaults than ours: they work, or they are refused in one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.postgres.inspection import PostgresInspector
from storage.postgres.maintenance import Maintenance, MaintenanceConfig, Round
from storage.postgres.migration import migrate
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.retention import Retention
from storage.postgres.writer import WriterConfig
from tests.support.canonical import same_spans
from tests.support.database import reading, rows, value, writing
from tests.support.factory import batch, full_span
from tests.support.postgres import Cluster
from tracedata import PermanentError, Span


def _execute(dsn: str, statement: LiteralString, *names: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture
def latin_dsn(postgres_dsn: str) -> Iterator[str]:
    """The URL of an empty database in another encoding."""
    name = f"latin_{_database_of(postgres_dsn)}"
    _execute(postgres_dsn, "CREATE DATABASE {} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", name)
    try:
        yield make_conninfo(postgres_dsn, dbname=name)
    finally:
        _execute(postgres_dsn, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def guest(postgres_dsn: str) -> Iterator[str]:
    """The name of a role with all rights on the database but those that everybody has."""
    database = _database_of(postgres_dsn)
    role = f"guest_of_{database}"
    _execute(postgres_dsn, "CREATE ROLE {}", role)
    _execute(postgres_dsn, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
    _execute(postgres_dsn, "GRANT CREATE, CONNECT ON DATABASE {} TO {}", database, role)
    _execute(postgres_dsn, "GRANT USAGE ON SCHEMA relayscope TO {}", role)
    _execute(postgres_dsn, "GRANT SELECT ON ALL TABLES IN SCHEMA relayscope TO {}", role)
    try:
        yield role
    finally:
        _execute(postgres_dsn, "DROP OWNED BY {} CASCADE", role)
        _execute(postgres_dsn, "DROP ROLE {}", role)


def _database_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["dbname"])


async def test_another_encoding_is_refused(latin_dsn: str) -> None:
    with pytest.raises(PermanentError, match=r"encoding LATIN1.*ENCODING 'UTF8'"):
        await migrate(latin_dsn)
    state = await PostgresInspector().database(latin_dsn)
    assert (state.server_encoding, state.is_encoding_supported) == ("LATIN1", False)


async def test_a_user_who_cannot_take_redeliveries_is_refused(postgres_dsn: str, guest: str) -> None:
    dsn = make_conninfo(postgres_dsn, options=f"-c role={guest}")
    with pytest.raises(PermanentError, match=r"temporary tables.*GRANT TEMPORARY"):
        await migrate(dsn)
    assert not (await PostgresInspector().database(dsn)).can_create_temporary_tables


async def test_another_encoding_of_clients_changes_nothing(postgres_dsn: str) -> None:
    database = _database_of(postgres_dsn)
    _execute(postgres_dsn, "ALTER DATABASE {} SET client_encoding = 'LATIN1'", database)
    sent = full_span(name="gr\u00fc\u00dfe \U0001f600", attributes={"k\u00e9": "\u4e16"})
    assert same_spans(await _stored(postgres_dsn, sent), [sent])


async def _stored(dsn: str, sent: Span) -> list[Span]:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(batch(sent))
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        return list((await reader.get_traces(1, [sent.trace_id]))[sent.trace_id])


@pytest.fixture
def abroad_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database whose sessions write times as ``15/01/2026 17:30:00 IST``, which is read otherwise."""
    with postgres_cluster.database(template="template0") as dsn:
        _execute(dsn, "ALTER DATABASE {} SET datestyle = 'SQL, DMY'", _database_of(dsn))
        _execute(dsn, "ALTER DATABASE {} SET timezone = 'Asia/Kolkata'", _database_of(dsn))
        yield dsn


async def test_bounds_of_partitions_mean_the_same_in_every_session(abroad_dsn: str) -> None:
    await migrate(abroad_dsn)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with writing(WriterConfig(dsn=abroad_dsn)) as writer:
        await writer.consume(batch(full_span(start_time_unix_nano=int(today.timestamp()) * 10**9)))
    seconds = await rows(
        abroad_dsn,
        "SELECT name, extract(epoch FROM from_time)::bigint, extract(epoch FROM to_time)::bigint "
        "FROM relayscope.partitions WHERE signal = 'spans' AND isfinite(from_time) AND isfinite(to_time)",
    )
    start = int(today.timestamp())
    assert seconds == [(f"spans_{today:%Y%m%d}", start, start + 86_400)]
    written = await value(
        abroad_dsn,
        "SELECT relayscope.bound_of(relation) FROM relayscope.partitions WHERE signal = 'spans' AND from_time = to_timestamp(%(start)s)",
        {"start": start},
    )
    tomorrow = today + timedelta(days=1)
    assert written == f"FOR VALUES FROM ('{today:%Y-%m-%d} 00:00:00+00') TO ('{tomorrow:%Y-%m-%d} 00:00:00+00')"
    past = await value(
        abroad_dsn,
        "SELECT extract(epoch FROM to_time)::bigint FROM relayscope.partitions WHERE name = 'spans_past'",
    )
    assert past % 86_400 == 0


async def test_times_are_read_in_sessions_that_write_them_otherwise(abroad_dsn: str) -> None:
    await migrate(abroad_dsn)
    found = await Retention(abroad_dsn, {"spans": timedelta(days=1)}).survey()
    assert [one.signal for one in found] == [
        "spans",
        "attribute_chunks",
        "log_records",
        "ai_interactions",
        "ai_search",
        "decisions",
    ]
    rounds: asyncio.Queue[Round] = asyncio.Queue()
    maintenance = Maintenance(MaintenanceConfig(dsn=abroad_dsn), on_round=rounds.put_nowait)
    await maintenance.start()
    async with asyncio.timeout(20):
        assert (await rounds.get()).partitions_made > 0
    await maintenance.aclose()
