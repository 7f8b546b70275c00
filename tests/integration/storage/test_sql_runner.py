"""Running SQL of users: bounds, errors, cancelling, and roles in databases that are not ours alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.postgres.migration import migrate
from storage.postgres.sql_runner import PostgresSqlRunner
from storage.sql import Cell, Parameter, SqlFailure, SqlStatement
from tests.support.database import rows, until, value
from tests.support.postgres import Cluster
from tests.support.sql_database import OWN, OWN_SPANS, config, fill, running
from tracedata import RetryableError

_MIB = 1 << 20
# All in memory: no step of it may use the disk.
_MUCH = "SELECT cardinality(array_agg(md5(n::text))) FROM (SELECT generate_series(1, 50000000) AS n) AS t"
_ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relayscope-sql' AND state = 'active'"


@pytest.fixture(scope="module")
def dsn(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        asyncio.run(fill(dsn))
        yield dsn


@pytest.fixture
async def runner(dsn: str) -> AsyncIterator[PostgresSqlRunner]:
    async with running(config(dsn)) as started:
        yield started


def asked(text: str, *parameters: Parameter, max_rows: int = 100, max_bytes: int = _MIB) -> SqlStatement:
    return SqlStatement(text=text, parameters=parameters, max_rows=max_rows, max_bytes=max_bytes)


async def answer(runner: PostgresSqlRunner, statement: SqlStatement) -> tuple[Sequence[Sequence[Cell]], bool]:
    async with runner.run(OWN, statement) as found:
        rows = [row async for chunk in found.chunks() for row in chunk]
        return rows, found.is_cut


async def test_columns_have_names_and_types_even_without_rows(runner: PostgresSqlRunner) -> None:
    for condition in ("true", "false"):
        text = f"SELECT trace_id, duration_ms, attributes, ARRAY[1], now() FROM spans WHERE {condition}"
        async with runner.run(OWN, asked(text)) as found:
            assert [(column.name, column.type) for column in found.columns] == [
                ("trace_id", "text"), ("duration_ms", "float8"), ("attributes", "jsonb"), ("array", "int4[]"),
                ("now", "timestamptz"),
            ]  # fmt: skip


async def test_values_are_postgresql_text(runner: PostgresSqlRunner) -> None:
    text = "SELECT 1, NULL, 'ü', '{1,2}'::int[], true, timestamptz '2026-01-15 13:00+01', $1 || 'x', $2::int + 1"
    found, _ = await answer(runner, asked(text, "p", 4))
    assert found == [(b"1", None, "ü".encode(), b"{1,2}", b"t", b"2026-01-15 12:00:00+00", b"px", b"5")]


async def test_rows_are_bounded(runner: PostgresSqlRunner) -> None:
    text = "SELECT name FROM spans"
    assert [(len(found), cut) for found, cut in [
        await answer(runner, asked(text, max_rows=count)) for count in (1, OWN_SPANS - 1, OWN_SPANS, OWN_SPANS + 1)
    ]] == [(1, True), (OWN_SPANS - 1, True), (OWN_SPANS, False), (OWN_SPANS, False)]  # fmt: skip


async def test_bytes_are_bounded(runner: PostgresSqlRunner) -> None:
    found, is_cut = await answer(
        runner, asked("SELECT repeat('x', 1000) FROM generate_series(1, 1000)", max_rows=1000, max_bytes=50_000)
    )
    assert (len(found), is_cut) == (49, True)


async def test_a_large_row_is_refused_before_it_is_sent(runner: PostgresSqlRunner) -> None:
    with pytest.raises(SqlFailure, match="a row is too large"):
        await answer(runner, asked("SELECT repeat('x', 2000000)"))


async def test_a_row_is_measured_as_it_is_sent(runner: PostgresSqlRunner) -> None:
    """A number with an exponent is stored in a few bytes, and written in hundreds; packed texts are alike."""
    with pytest.raises(SqlFailure, match="a row is too large"):
        await answer(runner, asked("SELECT array_agg(1e308::numeric) FROM generate_series(1, 10000)"))


async def test_cells_with_nothing_in_them_count(runner: PostgresSqlRunner) -> None:
    text = f"SELECT {', '.join(['NULL'] * 1000)} FROM generate_series(1, 1000)"
    found, is_cut = await answer(runner, asked(text, max_rows=1000, max_bytes=50_000))
    assert (len(found), is_cut) == (6, True)


async def test_memory_is_bounded(dsn: str) -> None:
    async with running(replace(config(dsn, timeout_s=20), memory_mb=64)) as runner:
        with pytest.raises(SqlFailure, match="more memory than it may have"):
            await answer(runner, asked(_MUCH))
        assert await answer(runner, asked("SELECT 1")) == ([(b"1",)], False)


async def test_memory_of_other_programs_is_bounded(dsn: str) -> None:
    async with running(replace(config(dsn, timeout_s=20), memory_mb=64)) as runner:
        other = await psycopg.AsyncConnection.connect(await runner.dsn(OWN))
        with pytest.raises(psycopg.errors.AdminShutdown):
            await other.execute(_MUCH)


async def test_settings_that_a_role_gave_itself_are_undone(dsn: str) -> None:
    """A library that is not there would keep every session of the role from beginning."""
    async with running(config(dsn)) as runner:
        mine = await runner.dsn(OWN)
        async with await psycopg.AsyncConnection.connect(mine, autocommit=True) as other:
            await other.execute("SET default_transaction_read_only = off")
            for where in ("", sql.SQL("IN DATABASE {} ").format(sql.Identifier(other.info.dbname)).as_string(other)):
                await other.execute(f"ALTER ROLE CURRENT_USER {where}SET local_preload_libraries = 'nothing'".encode())
    async with running(config(dsn)) as runner:
        assert await answer(runner, asked("SELECT 1")) == ([(b"1",)], False)


async def test_an_early_stop_ends_the_query(runner: PostgresSqlRunner, dsn: str) -> None:
    endless = asked("SELECT repeat('x', 100000) FROM generate_series(1, 1000000)", max_rows=10**6, max_bytes=_MIB)
    _, is_cut = await answer(runner, endless)
    assert is_cut
    await until(lambda: _none_active(dsn))
    # The same connection is fit for the next one.
    assert await answer(runner, asked("SELECT 1")) == ([(b"1",)], False)


async def _none_active(dsn: str) -> bool:
    return not await value(dsn, _ACTIVE)


async def test_a_cancelled_task_ends_its_query(runner: PostgresSqlRunner, dsn: str) -> None:
    slow = asked("SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b")
    task = asyncio.create_task(answer(runner, slow))
    await until(lambda: value(dsn, _ACTIVE))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: _none_active(dsn))


async def test_a_query_ends_in_time(runner: PostgresSqlRunner) -> None:
    began = time.monotonic()
    with pytest.raises(SqlFailure, match="longer than 2 s"):
        await answer(runner, asked("SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b"))
    assert time.monotonic() - began < 3


async def test_a_timer_outside_ends_what_the_session_does_not(dsn: str) -> None:
    async with running(config(dsn, timeout_s=0.5, session_timeout_s=60)) as runner:
        began = time.monotonic()
        with pytest.raises(SqlFailure, match=r"longer than 0\.5 s"):
            await answer(runner, asked("SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b"))
        assert time.monotonic() - began < 4
        assert await answer(runner, asked("SELECT 1")) == ([(b"1",)], False)


async def test_disk_is_bounded(runner: PostgresSqlRunner) -> None:
    with pytest.raises(SqlFailure, match="temporary disk space"):
        await answer(runner, asked("SELECT count(*) FROM generate_series(1, 100000000)"))


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("SELECT nope FROM spans", 'column "nope" does not exist', 7),
        ("SELECT\n 1 FROM relayscope.spans", "may not be read", 15),
        ("SELECT 'x'::int", "invalid input syntax", 7),
        ("SELECT 1; SELECT 2", "syntax error", 8),
        ("SELECT 1 / 0", "division by zero", None),
    ],
)
async def test_errors_have_their_place(runner: PostgresSqlRunner, text: str, message: str, place: int | None) -> None:
    with pytest.raises(SqlFailure, match=message) as caught:
        await answer(runner, asked(text))
    assert caught.value.position == place


@pytest.mark.parametrize(
    "parameter", ["a\0b", "\ud800", 10**200_000, [1, "a"]], ids=["NUL", "surrogate", "huge", "mixed"]
)
async def test_a_parameter_that_cannot_be_sent_is_the_callers_fault(
    runner: PostgresSqlRunner, parameter: Parameter
) -> None:
    with pytest.raises(SqlFailure):
        await answer(runner, asked("SELECT $1::text", parameter))


async def test_nothing_stays_of_a_query_in_its_session(dsn: str) -> None:
    async with running(replace(config(dsn), max_connections=1, is_own_server=False)) as runner:
        with contextlib.suppress(SqlFailure):
            await answer(runner, asked("SELECT set_config('work_mem', '1GB', false)"))
        found, _ = await answer(runner, asked("SELECT current_setting('work_mem'), current_setting('search_path')"))
    assert found == [(b"16MB", b"telemetry,pg_temp")]


async def test_more_queries_than_connections_wait_or_are_sent_away(dsn: str) -> None:
    async with running(replace(config(dsn), max_connections=1, connect_timeout_s=0.3)) as runner:
        async with runner.run(OWN, asked("SELECT 1")):
            with pytest.raises(RetryableError, match="busy"):
                await answer(runner, asked("SELECT 2"))
        assert await answer(runner, asked("SELECT 2")) == ([(b"2",)], False)


@pytest.fixture
def foreign(postgres_cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A database of somebody else: the URLs of an administrator, and of an owner who is no superuser."""
    with postgres_cluster.database(template="template1") as admin:
        name = str(conninfo_to_dict(admin)["dbname"])
        owner = f"{name}_ws_0"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(sql.Identifier(owner)))
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner))
            )
        yield admin, make_conninfo(admin, user=owner, password="secret")
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(owner)))


async def test_an_owner_who_may_make_roles_is_enough(foreign: tuple[str, str]) -> None:
    admin, owner = foreign
    name = str(conninfo_to_dict(owner)["user"])
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} CREATEROLE").format(sql.Identifier(name)))
    await migrate(owner)
    await fill(owner)
    async with running(replace(config(owner, timeout_s=0.5, session_timeout_s=60), is_own_server=False)) as runner:
        found, _ = await answer(runner, asked("SELECT count(*) FROM spans"))
        assert found == [(str(OWN_SPANS).encode(),)]
        # The owner may end what the role runs.
        with pytest.raises(SqlFailure, match="longer than"):
            await answer(runner, asked("SELECT count(*) FROM generate_series(1, 30000) a, generate_series(1, 30000) b"))
    tied = "SELECT rolname FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member WHERE rolname LIKE '%\\_ws\\_1'"
    assert await rows(admin, tied) == []


async def test_an_owner_who_may_not_make_roles_is_told_so(
    foreign: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    _, owner = foreign
    await migrate(owner)
    async with running(replace(config(owner), is_own_server=False)) as runner:
        assert "ALTER ROLE ... CREATEROLE" in caplog.text
        with pytest.raises(RetryableError, match="SQL is off"):
            await answer(runner, asked("SELECT 1"))


async def test_a_role_that_may_do_more_is_not_trusted(postgres_dsn: str) -> None:
    name = f"{conninfo_to_dict(postgres_dsn)['dbname']}_ws_1"
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN BYPASSRLS").format(sql.Identifier(name)))
    async with running(config(postgres_dsn)) as runner:
        with pytest.raises(RetryableError, match="may do more than read"):
            await runner.dsn(OWN)
