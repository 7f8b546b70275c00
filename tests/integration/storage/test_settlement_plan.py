"""Budgets of the statements that writers and the leader run all the time: which index answers them, and how much they touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from storage.postgres.partition import AI_INTERACTIONS, Upkeep, keep_ahead
from storage.postgres.statement import load_statements
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import span
from tests.support.interaction import interaction
from tests.support.postgres import Cluster
from tracedata import Batch

_SETTLEMENT, _ARRIVAL, _REPROCESSING = (
    load_statements(f"{name}.sql") for name in ("settlement", "arrival", "reprocessing")
)
_NOW = datetime.now(UTC)
_ROWS, _DAYS = 50_000, 5
_FILL = """
    INSERT INTO relayscope.ai_interactions (workspace_id, trace_id, span_id, start_time, start_time_ns, latency_ns, mapper_version,
        operation, status, service_name, provider, model, convention, is_estimated, is_discrepant, response_id, details)
    SELECT 1, decode(md5(n::text), 'hex'), decode(substr(md5('span' || n), 1, 16), 'hex'),
           %(now)s::timestamptz - n * interval '8 seconds', 0, 1, 1, 'chat', 'success', 'service', 'openai', 'gpt', 'otel', false, false,
           'chatcmpl-' || n, '{}'
    FROM generate_series(50000, 1, -1) AS n
"""
_WAIT = """
    INSERT INTO relayscope.ai_waiting (workspace_id, trace_id, recheck_at)
    SELECT 1, decode(md5('waits' || n), 'hex'), CASE WHEN n > 19990 THEN now() END FROM generate_series(1, 20000) AS n
"""
_ARRIVE = """
    INSERT INTO relayscope.ai_arrivals (workspace_id, trace_id)
    SELECT 1, decode(md5('waits' || n), 'hex') FROM generate_series(1, 20000) AS n
"""
# A tenth belongs to traces; of the others, every hundredth tells of a call.
_LOG = """
    INSERT INTO relayscope.log_records (time, fingerprint, resource_id, scope_id, workspace_id, time_ns, severity_number, has_time,
        trace_id, span_id, service_name, event_name, ai_trace_id)
    SELECT now() - n * interval '1 second', n, 1, 1, 1, 0, 9, true,
           CASE WHEN n % 10 = 0 THEN decode(md5('trace' || n / 100), 'hex') ELSE '' END, '', 'service', '',
           CASE WHEN n % 100 = 1 THEN decode(md5('session' || n / 1000), 'hex') END
    FROM generate_series(1, 50000) AS n
"""
_PARENT_INDEXES = """
    SELECT child.relname, parent.relname FROM pg_inherits AS i
    JOIN pg_class AS child ON child.oid = i.inhrelid JOIN pg_class AS parent ON parent.oid = i.inhparent
    WHERE parent.relkind = 'I'
"""


@pytest.fixture(scope="module")
def filled_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a database of its own."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.fixture
async def filled(filled_dsn: str) -> str:
    """The same with 50,000 interactions of the last days, filled by the first test that asks for it."""
    if not await value(filled_dsn, "SELECT count(*) FROM relayscope.ai_interactions"):
        starts = [int((_NOW - timedelta(days=day)).timestamp() * 10**9) for day in range(_DAYS + 1)]
        made = [interaction(start_time_unix_nano=start, end_time_unix_nano=start) for start in starts]
        async with writing(WriterConfig(dsn=filled_dsn)) as writer:
            await writer.consume(Batch(workspace_id=1, spans=[span()], interactions=made))
        for statement in (_FILL, _WAIT, _ARRIVE):
            await rows(filled_dsn, statement, {"now": _NOW} if statement is _FILL else None)
        await rows(filled_dsn, "ANALYZE")
    return filled_dsn


# Any: the plan is JSON of the server's making.
def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


class _Plan:
    """What a plan reads: tables from end to end, indexes by the name of the one they are a part of, and pages."""

    def __init__(self, plan: Mapping[str, Any], parents: Mapping[str, str]) -> None:
        nodes = list(_nodes(plan))
        self.scanned = {
            node["Relation Name"]
            for node in nodes
            if node["Node Type"] == "Seq Scan" and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > 100
        }
        named = {node["Index Name"] for node in nodes if "Index Name" in node}
        self.indexes = {parents.get(name, name) for name in named}
        self.touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


async def _planned(
    dsn: str, statement: LiteralString, parameters: Mapping[str, object], *, of_leader: bool = True
) -> _Plan:
    parents = dict(await rows(dsn, _PARENT_INDEXES))
    async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
        if of_leader:
            await connection.execute(_SETTLEMENT["begin"])
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode()
        ((found,),) = await (await connection.execute(explain, parameters)).fetchall()
        await connection.rollback()
    return _Plan(found[0]["Plan"], parents)


@pytest.mark.parametrize("count", [1, 2_000])
async def test_waiting_traces_are_woken_within_bounds(filled: str, count: int) -> None:
    ids = [bytes([number % 256, number // 256]) * 8 for number in range(count - 1)]
    waits = await value(filled, "SELECT trace_id FROM relayscope.ai_waiting LIMIT 1")
    parameters = {"workspace_id": 1, "trace_ids": b"".join([*ids, waits]), "count": count}
    plan = await _planned(filled, _ARRIVAL["wake"], parameters, of_leader=False)
    assert plan.touched < 50 + 4 * count


async def test_the_question_whether_any_trace_waits_touches_a_page(filled: str) -> None:
    assert (await _planned(filled, _ARRIVAL["any_waiting"], {})).touched <= 5


async def test_the_oldest_arrivals_are_read_in_their_order(filled: str) -> None:
    parameters = {"workspace_ids": [1], "trace_ids": [bytes(16)], "limit": 1_000}
    plan = await _planned(filled, _SETTLEMENT["arrivals"], parameters)
    assert (plan.scanned, plan.indexes) == (set(), {"ai_arrivals_pkey"})
    assert plan.touched < 50


async def test_traces_that_are_looked_at_again_are_found_by_their_time(filled: str) -> None:
    plan = await _planned(filled, _SETTLEMENT["rechecks"], {"limit": 1_000})
    assert plan.scanned == set()
    assert "ai_waiting_recheck_idx" in plan.indexes


async def test_new_rows_are_found_by_their_number(filled: str) -> None:
    newest = await value(filled, "SELECT max(arrival_id) FROM relayscope.ai_interactions")
    plan = await _planned(filled, _SETTLEMENT["new_interactions"], {"after": newest - 500, "limit": 5_000})
    assert (plan.scanned, plan.indexes) == (set(), {"ai_interactions_arrival_idx"})
    assert plan.touched < 600


async def test_rows_that_share_a_response_are_looked_for_in_days_beside_them_only(filled: str) -> None:
    responses = [f"chatcmpl-{number}" for number in range(1, 101)]
    parameters = {
        "workspace_id": 1,
        "response_ids": responses,
        "start": _NOW - timedelta(days=1),
        "end": _NOW + timedelta(days=1),
        "limit": 2_100,
    }
    plan = await _planned(filled, _SETTLEMENT["sharing"], parameters)
    assert (plan.scanned, plan.indexes) == (set(), {"ai_interactions_response_idx"})
    # Four partitions and the default one, three pages each.
    assert plan.touched < 5 * 4 * len(responses)


@pytest.mark.parametrize("count", [1, 50], ids=["one trace", "a chunk"])
async def test_log_records_are_found_by_trace_and_by_session(filled: str, count: int) -> None:
    if not await value(filled, "SELECT count(*) FROM relayscope.log_records"):
        await rows(filled, _LOG)
        await rows(filled, "ANALYZE relayscope.log_records")
    query = "SELECT decode(md5(%(kind)s || n), 'hex') FROM generate_series(1, %(count)s) AS n"
    traces, sessions = [await rows(filled, query, {"kind": kind, "count": count}) for kind in ("trace", "session")]
    trace_ids = [one for (one,) in [*traces, *sessions]]
    plan = await _planned(filled, _SETTLEMENT["log_records"], {"workspace_id": 1, "trace_ids": trace_ids})
    assert plan.scanned == set()
    # Partitions with nothing in them are read by any.
    assert plan.indexes >= {"log_records_identity_idx", "log_records_ai_trace_idx"}
    assert plan.touched < 100 + 40 * len(trace_ids)


async def test_rows_are_removed_by_index(filled: str) -> None:
    query = "SELECT trace_id, span_id, start_time FROM relayscope.ai_interactions ORDER BY arrival_id DESC LIMIT 10"
    trace_ids, span_ids, starts = zip(*await rows(filled, query), strict=True)
    parameters = {"workspace_id": 1, "trace_ids": list(trace_ids), "keys": list(span_ids), "moments": list(starts)}
    plan = await _planned(filled, _SETTLEMENT["remove_interactions"], parameters)
    assert plan.scanned == set()
    assert plan.touched < 10 * 3 * (_DAYS + 4)


async def test_pages_of_a_period_are_read_through_the_index_of_time(filled: str) -> None:
    parameters = {"workspace_id": 1, "since": _NOW - timedelta(days=2), "until": _NOW}
    plan = await _planned(filled, _REPROCESSING["earliest_interaction"], parameters)
    assert (plan.scanned, plan.indexes) == (set(), {"ai_interactions_time_idx"})
    assert plan.touched < 50


async def test_rows_move_from_the_default_partition_with_their_numbers(postgres_dsn: str) -> None:
    start = int(_NOW.timestamp()) * 10**9
    made = interaction(start_time_unix_nano=start, end_time_unix_nano=start)
    async with (
        writing(WriterConfig(dsn=postgres_dsn)) as writer,
        await psycopg.AsyncConnection.connect(postgres_dsn, autocommit=True) as maker,
    ):
        # No partition can be made for now.
        await maker.execute("SELECT pg_advisory_lock(hashtext('relayscope.cover_times'))")
        await writer.consume(Batch(workspace_id=1, spans=[span()], interactions=[made]))
        assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.ai_interactions_default") == 1
        await maker.execute("SELECT pg_advisory_unlock(hashtext('relayscope.cover_times'))")
        assert await keep_ahead(maker, Upkeep(), signal=AI_INTERACTIONS, now=_NOW) > 0
    assert await rows(
        postgres_dsn, "SELECT tableoid::regclass::text LIKE '%default', arrival_id FROM relayscope.ai_interactions"
    ) == [(False, 1)]
