"""Budgets of the hot questions about interactions: which index answers them, and that no table is read from end to end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from storage.interaction_reader import InteractionFilter
from storage.postgres.interaction_reader import STATEMENTS, filter_parameters
from storage.postgres.read_pool import BY_INDEX
from storage.postgres.search_index import STATEMENTS as INDEX_STATEMENTS
from storage.postgres.search_index import index_once
from tests.support.database import rows, value
from tests.support.interaction import interaction
from tests.support.interaction_store import put_rows
from tests.support.postgres import Cluster

_NOW_US = time.time_ns() // 1_000
_DAY_US = 86_400_000_000
_DAYS = 3
_ALL = InteractionFilter(workspace_id=1, start_us=_NOW_US - _DAYS * _DAY_US, end_us=_NOW_US)
_PAGE = {"after_start": None, "after_trace_id": None, "after_span_id": None, "limit": 51, "text_chars": 300}
_COVER = """
    SELECT relayscope.cover_times(signal, date_trunc('day', now(), 'UTC') + day * interval '1 day',
                                  date_trunc('day', now(), 'UTC') + (day + 1) * interval '1 day')
    FROM unnest(ARRAY['ai_interactions', 'ai_search']) AS signal, generate_series(-4, 0) AS day
"""
# Like interactions of two hundred users in three days; every hundredth speaks of a needle.
_FILL = """
    INSERT INTO relayscope.ai_interactions (workspace_id, trace_id, span_id, start_time, start_time_ns, latency_ns,
        mapper_version, is_estimated, is_discrepant, operation, status, service_name, provider, model, convention,
        user_id, session_id, prompt, details)
    SELECT 1, decode(md5(n::text), 'hex'), decode(substr(md5('span' || n), 1, 16), 'hex'),
           to_timestamp(%(end)s) - (n * 12)::float8 * interval '1 second', 0, n, 1, false, false, 'chat', 'success',
           'service', 'provider', 'model-' || n %% 10, 'otel', 'user-' || n %% 200, 'session-' || n / 10,
           CASE WHEN n %% 100 = 0 THEN 'a needle in ' ELSE 'hay of ' END || md5(n::text), '{}'
    FROM generate_series(1, 20000) AS n
"""


@pytest.fixture(scope="module")
def filled_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a database with 20,000 interactions of the last days."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.fixture
async def filled(filled_dsn: str) -> str:
    """The same, filled by the first test that asks for it."""
    if not await value(filled_dsn, "SELECT count(*) FROM relayscope.ai_interactions"):
        await rows(filled_dsn, _COVER)
        await rows(filled_dsn, _FILL, {"end": _NOW_US / 10**6})
        await index_once(filled_dsn)
        async with await psycopg.AsyncConnection.connect(filled_dsn, autocommit=True) as connection:
            # The entries that wait in GIN's list would be looked through one by one.
            await connection.execute("VACUUM ANALYZE relayscope.ai_search")
            await connection.execute("VACUUM ANALYZE relayscope.ai_interactions")
    return filled_dsn


# Any: the plan is JSON of the server's making.
def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


class _Plan:
    """Tables that were read from end to end, indexes that were used, blocks that were touched."""

    def __init__(self, plan: Mapping[str, Any], parents: Mapping[str, str]) -> None:
        nodes = list(_nodes(plan))
        scans = [node for node in nodes if node["Node Type"] == "Seq Scan"]
        read = [(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans]
        self.scanned = {node["Relation Name"] for node, count in zip(scans, read, strict=True) if count > 100}
        self.indexes = {parents[node["Index Name"]] for node in nodes if node.get("Index Name") in parents}
        self.touched = sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in nodes[:1])


_PARENTS = """
    SELECT child.relname, parent.relname FROM pg_inherits AS i
    JOIN pg_class AS child ON child.oid = i.inhrelid JOIN pg_class AS parent ON parent.oid = i.inhparent
    WHERE parent.relkind = 'I'
"""


async def _planned(dsn: str, name: str, parameters: Mapping[str, object], *, by_index: bool = True) -> _Plan:
    parents = dict(await rows(dsn, _PARENTS))
    async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
        if by_index:
            await connection.execute(BY_INDEX)
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {STATEMENTS[name]}".encode()
        ((found,),) = await (await connection.execute(explain, parameters)).fetchall()
    return _Plan(found[0]["Plan"], parents)


async def test_newest_are_read_from_the_newest_partition(filled: str) -> None:
    plan = await _planned(filled, "newest", {**filter_parameters(_ALL), **_PAGE})
    assert (plan.scanned, plan.indexes) == (set(), {"ai_interactions_time_idx"})
    assert plan.touched < 150


async def test_interactions_of_a_session_are_read_through_their_index(filled: str) -> None:
    where = replace(_ALL, session="session-7", start_us=0)
    plan = await _planned(filled, "oldest", {**filter_parameters(where), **_PAGE})
    assert (plan.scanned, plan.indexes) == (set(), {"ai_interactions_session_idx"})
    assert plan.touched < 100


@pytest.mark.parametrize("name", ["of_span", "of_source"])
async def test_one_is_read_through_its_ids(filled: str, name: str) -> None:
    ids = {"workspace_id": 1, "trace_id": b"\x01" * 16, "span_id": b"\x01" * 8, "text_chars": 300}
    plan = await _planned(filled, name, ids)
    assert plan.scanned == set()
    # Empty partitions are read through whichever index comes first.
    assert "ai_interactions_identity_idx" in plan.indexes
    assert plan.touched < 50


async def test_rare_words_are_found_through_their_index(filled: str) -> None:
    options = {"text": "needle", "ranked": 2_001, "after_rank": None, "marks": "<>", "options": "MaxWords=24"}
    plan = await _planned(filled, "search", {**filter_parameters(_ALL), **_PAGE, **options}, by_index=False)
    assert "ai_search_words_idx" in plan.indexes
    assert not {name for name in plan.scanned if name.startswith("ai_search")}


async def test_a_narrow_window_leaves_the_other_partitions_alone(filled: str) -> None:
    where = replace(_ALL, start_us=_NOW_US - 60_000_000)
    plan = await _planned(filled, "statistics", {**filter_parameters(where), "by": [], "bucket": None, "limit": 11})
    assert plan.scanned == set()
    assert plan.touched < 60


async def test_the_leader_finds_new_rows_through_their_numbers(filled: str) -> None:
    newest = await value(filled, "SELECT max(arrival_id) FROM relayscope.ai_interactions")
    await put_rows(filled, [interaction(prompt="new")])
    async with await psycopg.AsyncConnection.connect(filled, prepare_threshold=None) as connection:
        statement = INDEX_STATEMENTS["slice"]
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}".encode()
        parameters = {"after": newest, "until": newest + 10, "limit": 500}
        ((found,),) = await (await connection.execute(explain, parameters)).fetchall()
    plan = _Plan(found[0]["Plan"], dict(await rows(filled, _PARENTS)))
    assert "ai_interactions_arrival_idx" in plan.indexes
    assert plan.touched < 60
