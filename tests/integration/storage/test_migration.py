from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage.postgres.migration import SCHEMA_VERSION, available_migrations, migrate
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import batch, span
from tests.support.postgres import Cluster
from tracedata import PermanentError, RetryableError

_APPLIED = "SELECT version, name, checksum FROM relayscope.migrations ORDER BY version"
_ALL = [(one.version, one.name, one.checksum) for one in available_migrations()]
_SPOILED: dict[str, tuple[LiteralString, str]] = {
    "changed file": ("UPDATE relayscope.migrations SET checksum = 'other' WHERE version = 1", "changed"),
    "newer schema": ("INSERT INTO relayscope.migrations VALUES (999, 'later', 'x')", "upgrade the program"),
}

_CREATE: LiteralString = "GRANT CREATE ON DATABASE {database} TO limited"
_USE: LiteralString = "GRANT USAGE, CREATE ON SCHEMA relayscope TO limited"
_GRANTS: dict[str, tuple[Sequence[LiteralString], str]] = {
    "on the database": ((), "create the schema"),
    "on the schema": ((_CREATE,), "create the schema"),
    "on what is applied": ((_CREATE, _USE), "read the table relayscope.migrations"),
    "on the tables": (
        (
            _CREATE,
            _USE,
            "GRANT ALL ON ALL TABLES IN SCHEMA relayscope TO limited",
            "DELETE FROM relayscope.migrations WHERE version = 2",
            "DROP VIEW relayscope.partitions",
            "DROP FUNCTION relayscope.cover_times",
        ),
        "change the tables",
    ),
}


@pytest.fixture
def bare_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a database without a schema of ours."""
    with postgres_cluster.database(template="template0") as dsn:
        yield dsn


async def test_a_fresh_database_gets_every_migration(bare_dsn: str) -> None:
    assert list(await migrate(bare_dsn)) == list(available_migrations())
    assert await rows(bare_dsn, _APPLIED) == _ALL
    async with writing(WriterConfig(dsn=bare_dsn)) as writer:
        assert (await writer.consume(batch(span()))).accepted == 1


async def test_a_second_time_changes_nothing(postgres_dsn: str) -> None:
    before = await rows(postgres_dsn, "SELECT * FROM relayscope.migrations")
    assert list(await migrate(postgres_dsn)) == []
    assert await rows(postgres_dsn, "SELECT * FROM relayscope.migrations") == before


async def test_many_at_once_apply_each_migration_once(bare_dsn: str) -> None:
    applied = await asyncio.gather(*(migrate(bare_dsn) for _ in range(8)))
    assert sorted(len(one) for one in applied) == [0] * 7 + [len(_ALL)]
    assert await rows(bare_dsn, _APPLIED) == _ALL


@pytest.mark.parametrize(("spoil", "reason"), _SPOILED.values(), ids=_SPOILED.keys())
async def test_a_schema_that_is_not_ours_is_refused(postgres_dsn: str, spoil: LiteralString, reason: str) -> None:
    await rows(postgres_dsn, spoil)
    with pytest.raises(PermanentError, match=reason):
        await migrate(postgres_dsn)


@pytest.fixture
def limited_role(postgres_dsn: str) -> Iterator[str]:
    """A role without rights, for which the owner can act."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE limited")
        yield "limited"
        connection.execute("DROP OWNED BY limited")
        connection.execute("DROP ROLE limited")


@pytest.mark.parametrize(("grants", "missing"), _GRANTS.values(), ids=_GRANTS.keys())
async def test_a_missing_right_is_named(
    postgres_dsn: str, limited_role: str, grants: Sequence[LiteralString], missing: str
) -> None:
    database = sql.Identifier(str(await value(postgres_dsn, "SELECT current_database()")))
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for grant in grants:
            connection.execute(sql.SQL(grant).format(database=database))
    with pytest.raises(PermanentError, match=rf"may not {missing}.*relayscope doctor"):
        await migrate(make_conninfo(postgres_dsn, options=f"-c role={limited_role}"))


async def test_a_read_only_database_is_called_so(postgres_dsn: str) -> None:
    with pytest.raises(PermanentError, match="is read-only"):
        await migrate(make_conninfo(postgres_dsn, options="-c default_transaction_read_only=on"))


async def test_a_failed_migration_leaves_nothing_behind(bare_dsn: str) -> None:
    await rows(bare_dsn, "CREATE SCHEMA relayscope CREATE TABLE relayscope.operations (x integer)")
    with pytest.raises(RetryableError):
        await migrate(bare_dsn)
    query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'relayscope'::regnamespace"
    assert await value(bare_dsn, query) == 1


async def test_an_unreachable_database_is_retryable_and_keeps_its_password() -> None:
    with pytest.raises(RetryableError) as refused:
        await migrate("postgresql://user:canary@127.0.0.1:1/none")
    assert "canary" not in str(refused.value)


_FIRST_RELEASE = """
    CREATE SCHEMA relayscope;
    CREATE TABLE relayscope.migrations (
        version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz DEFAULT now());
"""
_OLD_SPANS = """
    INSERT INTO relayscope.spans (start_time, duration_ns, fingerprint, resource_id, scope_id, workspace_id,
        start_time_ns, kind, status_code, trace_id, span_id, service_name, name)
    SELECT at, 1, 1, 1, 1, 1, 0, 1, 0, '', '', '', at::text FROM unnest(ARRAY[
        '1970-01-01Z', '2020-02-02Z', '2021-03-03Z', '2099-12-31Z', '2262-01-01Z']::timestamptz[]) AS at
"""
_OLD_PLACES = """
    SELECT extract(year FROM s.start_time AT TIME ZONE 'UTC')::integer, c.relname
    FROM relayscope.spans AS s JOIN pg_class AS c ON c.oid = s.tableoid ORDER BY 1
"""


async def test_spans_of_the_first_release_find_their_places(bare_dsn: str) -> None:
    first = available_migrations()[0]
    await rows(bare_dsn, _FIRST_RELEASE)
    await rows(bare_dsn, first.sql)
    record = "INSERT INTO relayscope.migrations VALUES (%(version)s, %(name)s, %(checksum)s)"
    await rows(bare_dsn, record, {"version": first.version, "name": first.name, "checksum": first.checksum})
    await rows(bare_dsn, "SELECT relayscope.ensure_span_partition('spans_20200202', '2020-02-02Z', '2020-02-03Z')")
    await rows(bare_dsn, _OLD_SPANS)
    assert [one.version for one in await migrate(bare_dsn)] == list(range(2, SCHEMA_VERSION + 1))
    assert await rows(bare_dsn, _OLD_PLACES) == [
        (1970, "spans_past"),
        (2020, "spans_20200202"),
        (2021, "spans_default"),
        (2099, "spans_default"),
        (2262, "spans_future"),
    ]
    # A writer of the first release still runs.
    await rows(bare_dsn, "SELECT relayscope.ensure_span_partition('spans_20210303', '2021-03-03Z', '2021-03-04Z')")
    assert (2021, "spans_20210303") in await rows(bare_dsn, _OLD_PLACES)


def test_versions_are_numbered_without_gaps() -> None:
    assert [version for version, _, _ in _ALL] == list(range(1, SCHEMA_VERSION + 1))
