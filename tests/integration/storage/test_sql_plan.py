"""Queries of users use the indexes, as the role that asks them: hexadecimal ids, times, rules and requests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from query.guard.guard import check_sql
from tests.support.postgres import Cluster
from tests.support.sql_database import OWN, config, running

_TRACE = hashlib.md5(b"700", usedforsecurity=False).hexdigest()
_FILL: LiteralString = """
    INSERT INTO relayscope.spans (start_time, duration_ns, fingerprint, resource_id, scope_id, workspace_id, start_time_ns,
                                  kind, status_code, trace_id, span_id, service_name, name)
    SELECT now() - interval '30 days' + n * interval '1 minute', n, n, 1, 1, 1, 0, 1, 0, decode(md5((n / 20)::text), 'hex'),
           decode(substring(md5(n::text) FOR 16), 'hex'), 'service ' || n % 10, 'operation'
    FROM generate_series(1, 30000) AS n;
    INSERT INTO relayscope.decisions (time, workspace_id, time_ns, mapper_version, is_final_stated, trace_id, span_id,
                                      decision_id, type, component, service_name, convention, outcome, rule_id, request_id, details)
    SELECT now() - interval '30 days' + n * interval '1 minute', 1, 0, 1, false, decode(md5((n / 20)::text), 'hex'), '',
           'd-' || n, 'cache_decision', 'cache', 'service', 'x', 'hit', 'r-' || n % 300, 'request-' || n / 20, '{}'
    FROM generate_series(1, 30000) AS n;
    ANALYZE relayscope.spans, relayscope.decisions
"""
ASKED = {
    "a trace": (f"SELECT name, attributes FROM spans WHERE trace_id = '{_TRACE}'", "Index Cond: (trace_id = ", 20),
    "traces": (f"SELECT name FROM spans WHERE trace_id IN ('{_TRACE}')", "Index Cond: (trace_id = ", 20),
    "a parameter": ("SELECT name FROM spans WHERE trace_id = $1", "Index Cond: (trace_id = ", 20),
    "decisions of a trace": (f"SELECT * FROM decisions WHERE trace_id = '{_TRACE}'", "Index Cond: ((trace_id = ", 20),
    "a trace of decisions": (f"SELECT * FROM decision_traces WHERE '{_TRACE}' = trace_id", "Index Cond: ((trace_id = ", 1),
    "the newest traces of decisions": (
        "SELECT * FROM decision_traces WHERE timestamp > now() - interval '90 days' ORDER BY timestamp DESC LIMIT 5",
        "Index Scan Backward using decisions_",
        5,
    ),
    "traces with a decision": (
        "SELECT t.decisions FROM decisions d JOIN decision_traces t ON t.trace_id = d.trace_id WHERE d.request_id = 'request-700'",
        "Index Cond: ((trace_id = d",
        20,
    ),
    "decisions and spans of a trace": (
        f"SELECT d.outcome, s.name FROM decisions d JOIN spans s ON s.trace_id = d.trace_id WHERE d.trace_id = '{_TRACE}'",
        "Index Cond: (trace_id = ",
        400,
    ),
    "decisions of a rule": (
        "SELECT * FROM decisions WHERE rule_id = 'r-7' AND time > now() - interval '90 days'",
        "AND (rule_id = 'r-7'::text)",
        100,
    ),
    "decisions of a request": ("SELECT * FROM decisions WHERE request_id = 'request-700'", "AND (request_id = 'request-700'::text)", 20),
    "the newest decisions": ("SELECT * FROM decisions ORDER BY time DESC LIMIT 5", "Index Scan Backward using decisions_", 5),
}  # fmt: skip


@pytest.fixture(scope="module")
def role(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of the role of a workspace with a month of spans and decisions."""
    with postgres_cluster.database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(_FILL)
        yield asyncio.run(_role(dsn))


async def _role(dsn: str) -> str:
    async with running(config(dsn)) as runner:
        return await runner.dsn(OWN)


@pytest.mark.parametrize(("sql", "condition", "count"), ASKED.values(), ids=ASKED.keys())
def test_an_index_serves_it(role: str, sql: str, condition: str, count: int) -> None:
    text = check_sql(sql, [_TRACE]).text if "$1" in sql else check_sql(sql).text
    with psycopg.connect(role) as connection:
        cursor = psycopg.RawCursor(connection)
        text = text.replace("$1", f"'{_TRACE}'")
        assert len(cursor.execute(text.encode()).fetchall()) == count
        plan = "\n".join(row[0] for row in cursor.execute(f"EXPLAIN {text}".encode()).fetchall())
    assert condition in plan
    assert "Seq Scan on spans_default" not in plan
    assert "Seq Scan on decisions_default" not in plan
