"""What the guard refuses is harmless without the guard: every attack is run directly, as the role of a workspace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import LiteralString, NamedTuple

import psycopg
import pytest
from psycopg import sql

from query.guard.allowed import VIEWS
from tests.support.database import rows
from tests.support.postgres import Cluster
from tests.support.sql_attack import ATTACKS, Attack
from tests.support.sql_database import CANARY, CANARY_DIGITS, OTHER, OTHER_SPANS, OWN, OWN_SPANS, config, fill, running

TIMEOUT_S = 1.0
# A busy machine takes its time to bring a large value here.
_MARGIN_S = 8.0
_STATE: LiteralString = """
    SELECT (SELECT count(*) FROM relayscope.spans), (SELECT count(*) FROM relayscope.log_records),
           (SELECT count(*) FROM relayscope.ai_interactions), (SELECT count(*) FROM relayscope.decisions),
           (SELECT count(*) FROM relayscope.rule_sets),
           (SELECT array_agg((role_name, workspace_id)::text ORDER BY role_name) FROM relayscope.workspace_roles),
           (SELECT array_agg((rolname, rolsuper, rolcreaterole, rolconfig)::text ORDER BY rolname) FROM pg_roles
            WHERE rolname ~ current_database()),
           (SELECT count(*) FROM pg_auth_members), (SELECT count(*) FROM pg_largeobject_metadata),
           (SELECT count(*) FROM pg_extension), (SELECT count(*) FROM pg_proc),
           (SELECT array_agg(c.oid::regclass::text ORDER BY c.oid) FROM pg_class AS c
            WHERE c.relnamespace IN ('telemetry'::regnamespace, 'public'::regnamespace, 'relayscope'::regnamespace)
               OR c.relpersistence = 't'),
           (SELECT last_value FROM relayscope.ai_arrivals_arrival_id_seq)
"""


class Place(NamedTuple):
    """The owner's URL, and those of the two roles."""

    owner: str
    own: str
    other: str


@pytest.fixture(scope="module")
def place(postgres_cluster: Cluster) -> Iterator[Place]:
    with postgres_cluster.database() as dsn:
        asyncio.run(fill(dsn))
        own, other = asyncio.run(_roles(dsn))
        yield Place(owner=dsn, own=own, other=other)


async def _roles(dsn: str) -> tuple[str, str]:
    async with running(config(dsn, timeout_s=TIMEOUT_S)) as runner:
        return await runner.dsn(OWN), await runner.dsn(OTHER)


def _try(dsn: str, statements: Sequence[str]) -> tuple[str, Sequence[str]]:
    """All that a session shows: rows, notices and messages; and the SQLSTATE of each statement, or what psycopg says."""
    shown: list[str] = []
    states: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: shown.append(notice.message_primary or ""))
        for statement in statements:
            try:
                # Without parameters this is the simple protocol, in which a text may hold several statements.
                cursor = connection.execute(statement.encode())
                shown += [str(row) for row in (cursor.fetchall() if cursor.description else [])]
                states.append("")
            except psycopg.Error as exc:
                shown.append(str(exc))
                states.append(exc.sqlstate or type(exc).__name__)
    return "\n".join(shown), states


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_an_attack_past_the_guard_is_harmless(place: Place, attack: Attack) -> None:
    before = await rows(place.owner, _STATE)
    async with await psycopg.AsyncConnection.connect(place.other) as bystander:
        began = time.monotonic()
        shown, _ = await asyncio.to_thread(_try, place.own, attack.statements)
        assert time.monotonic() - began < len(attack.statements) * TIMEOUT_S + _MARGIN_S
        # Sessions of others live on.
        await bystander.execute("SELECT 1")
    # The statement itself may hold the word, and errors quote it.
    assert CANARY not in shown.replace("LIKE '%canary%'", "").replace("relayscope-canary", "")
    assert CANARY_DIGITS not in shown
    assert "root:" not in shown
    assert await rows(place.owner, _STATE) == before


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_each_workspace_sees_its_own_rows_only(place: Place, view: str) -> None:
    own, _ = _try(place.own, [f"SELECT t.* FROM telemetry.{view} AS t"])
    other, _ = _try(place.other, [f"SELECT t.* FROM telemetry.{view} AS t"])
    assert CANARY not in own
    assert "own" in own
    assert CANARY in other
    assert "own-" not in other


def test_counts_are_those_of_the_own_workspace(place: Place) -> None:
    query = """
        SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM traces), (SELECT sum(span_count) FROM traces),
               (SELECT count(*) FROM decisions), (SELECT count(*) FROM decision_traces),
               (SELECT sum(decision_count) FROM decision_traces)
    """
    for dsn, count in ((place.own, OWN_SPANS), (place.other, OTHER_SPANS)):
        shown, _ = _try(dsn, [query])
        found = shown.replace("Decimal('", "").replace("')", "").strip("()").split(", ")
        assert [int(number) for number in found] == [count, count // 4, count] * 2


DENIED = "42501"
_LEAK = """
    CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    $$ BEGIN RAISE NOTICE 'seen %', $1; RETURN true; END $$
"""


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("pg_read_file", DENIED), ("lo_from_bytea", DENIED), ("set_config", DENIED), ("SET ROLE", DENIED),
        ("query_to_xml", DENIED), ("pg_sleep", DENIED), ("pg_advisory_lock", DENIED), ("pg_notify", DENIED),
        ("pg_terminate_backend", DENIED), ("INSERT", DENIED), ("DELETE", DENIED), ("a table", DENIED),
        ("the roles' table", DENIED), ("CREATE TABLE AS", DENIED), ("DELETE in WITH", DENIED), ("pg_authid", DENIED),
        ("generate_series", "53400"), ("cross join", "57014"),
    ],
)  # fmt: skip
def test_it_is_the_role_that_stops_it(place: Place, name: str, state: str) -> None:
    attack = next(one for one in ATTACKS if one.name == name)
    _, states = _try(place.own, attack.statements)
    assert states[-1] == state


def test_a_leaky_function_sees_only_what_its_caller_may_see(place: Place) -> None:
    """Where the role may make temporary things, as in a database of others, a function of its own is asked first."""
    name = psycopg.conninfo.conninfo_to_dict(place.owner)["dbname"]
    database = sql.Identifier(str(name))
    with psycopg.connect(place.owner, autocommit=True) as owner:
        owner.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(database))
        try:
            shown, states = _try(
                place.own,
                [
                    "SET default_transaction_read_only = off",
                    _LEAK,
                    "SELECT name FROM telemetry.spans WHERE pg_temp.leak(name)",
                    "SELECT prompt FROM telemetry.ai_interactions WHERE pg_temp.leak(prompt)",
                ],
            )
        finally:
            owner.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
    assert states == ["", "", "", ""]
    assert "seen own" in shown
    assert CANARY not in shown


async def test_a_role_that_changed_itself_is_put_right(place: Place) -> None:
    _try(place.own, ["SET default_transaction_read_only = off", "ALTER ROLE CURRENT_USER PASSWORD 'mine'"])
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(place.own)
    async with running(config(place.owner, timeout_s=TIMEOUT_S)):
        psycopg.connect(place.own).close()


async def test_a_session_that_keeps_its_transaction_is_ended(place: Place) -> None:
    """Whatever it sets itself: other programs hold the URL too."""
    async with running(config(place.owner, timeout_s=0.2)), await psycopg.AsyncConnection.connect(place.own) as held:
        await held.execute("SET idle_in_transaction_session_timeout = 0")
        await held.execute("SET transaction_timeout = 0")
        with pytest.raises(psycopg.OperationalError):
            await _asked_again_and_again(held)


async def _asked_again_and_again(connection: psycopg.AsyncConnection) -> None:
    async with asyncio.timeout(20):
        while True:
            await asyncio.sleep(0.3)
            await connection.execute("SELECT 1")
