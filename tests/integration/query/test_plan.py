"""Budgets of the hot questions: which index answers them, and that no table is read from end to end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest

from query.search import compile_search
from storage.api import SearchCursor, Statement, TraceSearch
from storage.postgres.reader import KEPT
from storage.postgres.statement import load_statements
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import batch, search, span
from tests.support.postgres import Cluster

_DAY_NS = 86_400_000_000_000
# Noon, so that the first day holds enough rows for an index at any time of the day.
_NOW_NS = time.time_ns() // _DAY_NS * _DAY_NS + _DAY_NS // 2
_DAYS = 5
# Like the spans of twenty services that are busy all day; every hundredth is an error.
_FILL = """
    INSERT INTO relayscope.spans (workspace_id, trace_id, span_id, fingerprint, start_time, start_time_ns, duration_ns,
        kind, status_code, resource_id, scope_id, service_name, name, attributes)
    SELECT 1, decode(md5((n / 10)::text), 'hex'), decode(substr(md5('span' || n), 1, 16), 'hex'), n,
           to_timestamp(%(end)s) - (n * 8)::float8 * interval '1 second', 0, n %% 1000 * 1000000,
           2, CASE WHEN n %% 100 = 0 THEN 2 ELSE 0 END, n %% 20, 1, 'service-' || n %% 20, 'GET /' || n %% 50,
           jsonb_build_object('http.status_code', 200, 'n', n)
    FROM generate_series(1, 50000) AS n
"""
_PARENT_INDEXES = """
    SELECT child.relname, parent.relname FROM pg_inherits AS i
    JOIN pg_class AS child ON child.oid = i.inhrelid JOIN pg_class AS parent ON parent.oid = i.inhparent
    WHERE parent.relkind = 'I'
"""
_END_US = _NOW_NS // 1_000
_START_US = _END_US - _DAYS * _DAY_NS // 1_000
_OF_SERVICE = search(service="service-7", start_us=_START_US, end_us=_END_US)
SEARCHES: Mapping[str, tuple[TraceSearch, SearchCursor | None]] = {
    "newest by service": (_OF_SERVICE, None),
    "further rows of the page": (_OF_SERVICE, SearchCursor(start_us=_END_US - 10**9, trace_id=b"\x01" * 16)),
    "by service and operation": (
        search(service="service-7", operation="GET /7", start_us=_START_US, end_us=_END_US),
        None,
    ),
}


@pytest.fixture(scope="module")
def filled_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a database with 50,000 spans of the last days."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.fixture
async def filled(filled_dsn: str) -> str:
    """The same, filled by the first test that asks for it."""
    if not await value(filled_dsn, "SELECT count(*) FROM relayscope.spans"):
        async with writing(WriterConfig(dsn=filled_dsn)) as writer:
            days = [span(start_time_unix_nano=_NOW_NS - day * _DAY_NS) for day in range(_DAYS + 1)]
            await writer.consume(batch(*days))
        await rows(filled_dsn, _FILL, {"end": _NOW_NS / 10**9})
        await rows(filled_dsn, "ANALYZE relayscope.spans")
    return filled_dsn


# Any: the plan is JSON of the server's making.
def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _rows_read(scan: Mapping[str, Any]) -> float:
    return float(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * int(scan["Actual Loops"])


class _Plan:
    """What a plan reads: tables from end to end, and indexes by the name of the one they are a part of."""

    def __init__(self, plan: Mapping[str, Any], parents: Mapping[str, str]) -> None:
        nodes = list(_nodes(plan))
        # The default partition and the first day hold next to nothing, for which no index is worth its while.
        scans = [node for node in nodes if node["Node Type"] == "Seq Scan"]
        self.scanned = {scan["Relation Name"] for scan in scans if _rows_read(scan) > 100}
        self.indexes = {parents.get(node["Index Name"], node["Index Name"]) for node in nodes if "Index Name" in node}
        self.touched = sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in nodes[:1])


async def _planned(dsn: str, statement: Statement) -> _Plan:
    parents = dict(await rows(dsn, _PARENT_INDEXES))
    async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}".encode()
        cursor = await connection.execute(explain, statement.parameters)
        ((found,),) = await cursor.fetchall()
    return _Plan(found[0]["Plan"], parents)


@pytest.mark.parametrize("count", [1, 20], ids=["one", "a page"])
async def test_traces_by_id_are_read_through_their_index(filled: str, count: int) -> None:
    ids = [bytes(row[0]) for row in await rows(filled, "SELECT DISTINCT trace_id FROM relayscope.spans LIMIT 20")]
    sql = load_statements("reader.sql")["spans"]
    plan = await _planned(filled, Statement(sql=sql, parameters={"workspace_id": 1, "trace_ids": ids[:count]}))
    assert plan.scanned == set()
    assert plan.indexes == {"spans_identity_idx"}
    assert plan.touched < 100 * count


@pytest.mark.parametrize("name", ["spans", "outlines", "outline_spans"])
async def test_archived_traces_are_read_through_the_indexes_of_both_places(filled: str, name: str) -> None:
    ids = [bytes(row[0]) for row in await rows(filled, "SELECT DISTINCT trace_id FROM relayscope.spans LIMIT 20")]
    parameters = {"workspace_id": 1, "trace_ids": ids, "first": 100, "failed": 100}
    plan = await _planned(filled, Statement(sql=KEPT[name], parameters=parameters))
    assert plan.scanned == set()
    assert plan.indexes == {"spans_identity_idx", "archived_spans_identity_idx"}


@pytest.mark.parametrize(("asked", "below"), SEARCHES.values(), ids=SEARCHES.keys())
async def test_newest_of_a_service_are_read_through_their_index(
    filled: str, asked: TraceSearch, below: SearchCursor | None
) -> None:
    compiled = compile_search(asked, below=below)
    plan = await _planned(filled, Statement(sql=compiled.sql, parameters={**compiled.parameters, "rows": 160}))
    assert plan.scanned == set()
    assert plan.indexes <= {"spans_service_idx", "spans_time_idx"}
    assert "spans_service_idx" in plan.indexes


async def test_newest_of_all_are_read_from_the_newest_partition(filled: str) -> None:
    compiled = compile_search(search(start_us=_START_US, end_us=_END_US))
    plan = await _planned(filled, Statement(sql=compiled.sql, parameters={**compiled.parameters, "rows": 160}))
    assert plan.scanned == set()
    assert plan.indexes == {"spans_time_idx"}
    # 160 rows of 50,000, a few to a page.
    assert plan.touched < 200


async def test_a_narrow_window_leaves_the_other_partitions_alone(filled: str) -> None:
    compiled = compile_search(search(start_us=_END_US - 60_000_000, end_us=_END_US))
    parameters = {**compiled.parameters, "rows": 160}
    async with await psycopg.AsyncConnection.connect(filled, prepare_threshold=None) as connection:
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) {compiled.sql}".encode(), parameters)
        ((found,),) = await cursor.fetchall()
    relations = {node["Relation Name"] for node in _nodes(found[0]["Plan"]) if "Relation Name" in node}
    assert len(relations - {"spans_default"}) <= 2
