"""How decisions are looked for among many: by index, and only in the partitions that can have them."""

from __future__ import annotations

import time
from typing import Any

from storage.decision_reader import DecisionFilter
from storage.postgres.decision_reader import STATEMENTS, filter_parameters
from storage.postgres.read_pool import BY_INDEX
from tests.support.database import rows, transaction

_DAY_US = 86_400_000_000
_COVER = """
    SELECT relayscope.cover_times('decisions', date_trunc('day', now(), 'UTC') - interval '2 days', now() + interval '1 day')
"""
_FILL = """
    INSERT INTO relayscope.decisions (workspace_id, trace_id, span_id, decision_id, time, time_ns, mapper_version, type,
        component, service_name, convention, outcome, is_final_stated, final_status, evaluation_ns, input, details)
    SELECT 1, decode(md5((n / 5)::text), 'hex'), '', 'd-' || n, now() - n * interval '1 second', 0, 1, 'model_selection',
        (ARRAY['router', 'guard', 'budget', 'cache', 'rules'])[n % 5 + 1], 'gateway', 'decision_trace', 'allow', true, 'success',
        n, jsonb_build_object('plan', CASE WHEN n % 1000 = 0 THEN 'enterprise' ELSE 'free' END), '{}'
    FROM generate_series(1, 100000) AS n
"""


async def test_a_page_of_traces_reads_few_rows(postgres_dsn: str) -> None:
    await rows(postgres_dsn, _COVER)
    await rows(postgres_dsn, _FILL)
    await rows(postgres_dsn, "ANALYZE relayscope.decisions")
    now_us = int(time.time() * 1e6)
    where = DecisionFilter(workspace_id=1, start_us=now_us - 2 * _DAY_US, end_us=now_us)
    parameters = {**filter_parameters(where), "after_time": None, "after_trace_id": None, "limit": 51}
    async with transaction(postgres_dsn) as connection:
        await connection.execute(BY_INDEX)
        cursor = await connection.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + STATEMENTS["newest"], parameters)
        ((found,),) = await cursor.fetchall()
    nodes = _nodes(found[0]["Plan"])
    assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == []
    read = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes if "Index" in node["Node Type"])
    assert 51 <= read < 2_000


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in _nodes(child))]
