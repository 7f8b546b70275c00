"""Twenty thousand statements that the guard lets through, and never a canary in an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from query.guard.guard import check_sql
from storage.sql import View
from tests.support.postgres import Cluster
from tests.support.sql_database import CANARY, CANARY_DIGITS, OTHER, OWN, config, fill, running
from tests.support.sql_grammar import Grammar

STATEMENTS = 20_000
AT_ONCE = 1_000
# Runs each statement as its caller, and tells of it: how many rows, the first one that shows what it must not, and the
# error. One round trip for a thousand of them.
_PROBE: LiteralString = """
    CREATE FUNCTION public.probe(statements text[], forbidden text) RETURNS TABLE (row_count bigint, shown text, failure text)
    LANGUAGE plpgsql AS $$
    DECLARE statement text;
    BEGIN
        FOREACH statement IN ARRAY statements LOOP
            BEGIN
                EXECUTE 'SELECT count(*), min(t.a) FILTER (WHERE t.a ~* $1) FROM (SELECT s::text AS a FROM (' || statement
                    || E'\\n LIMIT 2000) AS s) AS t' INTO row_count, shown USING forbidden;
                failure := NULL;
            EXCEPTION WHEN OTHERS THEN
                row_count := 0; shown := NULL; failure := SQLSTATE || ' ' || SQLERRM;
            END;
            RETURN NEXT;
        END LOOP;
    END $$
"""
_ASK: LiteralString = "SELECT * FROM public.probe(%s, %s)"


@pytest.fixture(scope="module")
def dsn(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.database() as dsn:
        asyncio.run(fill(dsn))
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(_PROBE)
        yield dsn


async def _place(dsn: str, workspace_id: int) -> tuple[str, list[View]]:
    async with running(config(dsn)) as runner:
        return await runner.dsn(workspace_id), list(await runner.views())


async def test_no_answer_holds_a_canary(dsn: str) -> None:
    own, views = await _place(dsn, OWN)
    grammar = Grammar(views, seed=7)
    answered = 0
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '60s'")
        for _ in range(STATEMENTS // AT_ONCE):
            batch = [f"SELECT * FROM ({check_sql(grammar.statement()).text}\n) AS q" for _ in range(AT_ONCE)]
            for statement, (count, shown, failure) in zip(
                batch, connection.execute(_ASK, [batch, f"{CANARY}|{CANARY_DIGITS}"]).fetchall(), strict=True
            ):
                assert shown is None, (statement, shown)
                # A literal that the statement itself brought may be quoted; a value of the other workspace has a dash.
                assert failure is None or f"{CANARY}-" not in failure, (statement, failure)
                answered += bool(count)
    # A grammar whose statements fail, or find nothing, would show nothing.
    assert answered > STATEMENTS * 0.6


async def test_the_same_statements_find_canaries_where_they_live(dsn: str) -> None:
    """So it is the workspace that keeps them out above."""
    other, views = await _place(dsn, OTHER)
    grammar = Grammar(views, seed=7)
    batch = [f"SELECT * FROM ({check_sql(grammar.statement()).text}\n) AS q" for _ in range(AT_ONCE)]
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute("SET statement_timeout = '60s'")
        answers = connection.execute(_ASK, [batch, f"{CANARY}|{CANARY_DIGITS}"]).fetchall()
    assert sum(shown is not None for _, shown, _ in answers) > AT_ONCE // 4
