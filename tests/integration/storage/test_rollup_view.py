"""What users of SQL see of rollups, beside what the map and the rows say once everything is rolled up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import LiteralString

import psycopg
import pytest
from msgspec.structs import replace

from query.guard.guard import check_sql
from storage.api import ServiceMap, Window
from storage.latency import MAX_RELATIVE_ERROR
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import reading, rows, value, writing
from tests.support.factory import BASE_US, HOUR_US, MS_NS, SECOND_US, batch, span, span_id, trace_id
from tests.support.interaction_store import put_rows
from tests.support.postgres import Cluster
from tests.support.rolled import calls, moment, roll_up, traces
from tests.support.sql_database import OWN, config, running
from tracedata import Span, SpanKind, StatusCode

pytestmark = pytest.mark.postgres

_MINUTE_US = 60 * SECOND_US
_WHOLE_US = BASE_US - BASE_US % _MINUTE_US
# Source and its kind, target and its kind, the system, and whether nobody waits.
_Edge = tuple[str, str, str, str, str | None, bool]
_EDGES: LiteralString = """
    SELECT source, source_kind, target, target_kind, system, is_async, sum(calls)::bigint, sum(errors)::bigint
    FROM telemetry.service_edges
    WHERE time >= timestamptz 'epoch' + %(start)s * interval '1 microsecond'
      AND time < timestamptz 'epoch' + %(end)s * interval '1 microsecond'
    GROUP BY 1, 2, 3, 4, 5, 6
"""
# Rows of the view that are not what the spans say, and the other way round.
_METRICS: LiteralString = """
    WITH seen AS (
        SELECT time, service_name, operation, kind, calls, errors, round(total_duration_ms::numeric, 6) AS total,
               round(mean_duration_ms::numeric, 6) AS mean
        FROM telemetry.span_metrics
    ), expected AS (
        SELECT date_bin('1 minute', start_time, timestamptz 'epoch'), service_name, name, kind, count(*),
               count(*) FILTER (WHERE status = 'error'), round(sum(duration_ns) / 1e6, 6), round(avg(duration_ns) / 1e6, 6)
        FROM telemetry.spans GROUP BY 1, 2, 3, 4
    )
    (SELECT 'too much', * FROM (SELECT * FROM seen EXCEPT ALL SELECT * FROM expected) AS a)
    UNION ALL (SELECT 'missing', * FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM seen) AS b)
"""
_USAGE: LiteralString = """
    WITH seen AS (
        SELECT time, service_name, provider, model, model_requested, model_family, operation, agent, status, currency, calls, errors,
               streaming_calls, priced_calls, cost, input_tokens, output_tokens, input_tokens_total, output_tokens_total,
               total_tokens, is_estimated
        FROM telemetry.ai_usage
    ), expected AS (
        SELECT date_bin('1 minute', start_time, timestamptz 'epoch'), service_name, provider, model, model_requested, model_family,
               operation, agent, status, CASE WHEN cost IS NOT NULL THEN currency END, count(*),
               count(*) FILTER (WHERE status <> 'success'), count(*) FILTER (WHERE is_streaming), count(cost), sum(cost),
               sum(input_tokens), sum(output_tokens), sum(input_tokens_total)::bigint, sum(output_tokens_total)::bigint,
               sum(total_tokens)::bigint, bool_or(is_estimated)
        FROM telemetry.ai_interactions GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    )
    (SELECT 'too much', * FROM (SELECT * FROM seen EXCEPT ALL SELECT * FROM expected) AS a)
    UNION ALL (SELECT 'missing', * FROM (SELECT * FROM expected EXCEPT ALL SELECT * FROM seen) AS b)
"""


async def _seen(dsn: str, window: Window) -> Mapping[_Edge, tuple[int, int]]:
    found = await rows(dsn, _EDGES, {"start": window.start_us, "end": window.end_us})
    return {tuple(row[:6]): (row[6], row[7]) for row in found}


def _told(map_: ServiceMap) -> Mapping[_Edge, tuple[int, int]]:
    """What the reader of the map says, as the view has it."""
    calls_, errors = Counter[_Edge](), Counter[_Edge]()
    for edge in map_.edges:
        key: _Edge = (edge.parent, "service", edge.child, "service", None, edge.is_async)
        calls_[key] += edge.statistics.calls
        errors[key] += edge.statistics.errors
    for peer in map_.peers:
        service, other = (peer.service, "service"), (peer.peer, str(peer.kind))
        (source, target) = (other, service) if peer.is_inbound else (service, other)
        key = (*source, *target, peer.system or None, peer.kind == "messaging")
        calls_[key] += peer.statistics.calls
        errors[key] += peer.statistics.errors
    return {key: (count, errors[key]) for key, count in calls_.items()}


def _windows(choice: random.Random) -> Sequence[Window]:
    """All of it, and times on whole minutes."""
    every = Window(workspace_id=1, start_us=_WHOLE_US - 60 * HOUR_US, end_us=_WHOLE_US + 60 * HOUR_US)
    found = [every]
    for _ in range(6):
        start_us, end_us = sorted((BASE_US + moment(choice)) // _MINUTE_US * _MINUTE_US for _ in range(2))
        found.append(Window(workspace_id=1, start_us=start_us, end_us=end_us + _MINUTE_US))
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_edges_and_metrics_add_up_once_all_is_rolled(shared_postgres_dsn: str, seed: int) -> None:
    choice = random.Random(seed)
    sent = traces(choice, 40)
    choice.shuffle(sent)
    one = ReaderConfig(dsn=shared_postgres_dsn, max_connections=1)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer, reading(one) as reader:
        # The second half has parents, children and producers of what is rolled up already.
        for part in (sent[::2], sent[1::2]):
            await writer.consume(batch(*part))
            assert await rows(shared_postgres_dsn, _METRICS) != []
            await roll_up(shared_postgres_dsn)
            assert await rows(shared_postgres_dsn, _METRICS) == []
            for window in _windows(choice):
                assert await _seen(shared_postgres_dsn, window) == _told(await reader.service_map(window))
    kinds = await rows(
        shared_postgres_dsn, "SELECT DISTINCT source_kind, target_kind, is_async FROM telemetry.service_edges"
    )
    assert set(kinds) == {
        ("service", "service", False),
        ("service", "service", True),
        ("service", "database", False),
        ("service", "messaging", True),
        ("messaging", "service", True),
        ("service", "external", False),
    }


@pytest.mark.parametrize("seed", range(2))
async def test_usage_adds_up_once_all_is_rolled(shared_postgres_dsn: str, seed: int) -> None:
    choice = random.Random(seed)
    made = calls(choice, 60)
    # Several in one row.
    same = [replace(one, trace_id=trace_id()) for one in made[:20]]
    for part in (made, same):
        await put_rows(shared_postgres_dsn, part)
        assert await rows(shared_postgres_dsn, _USAGE) != []
        await roll_up(shared_postgres_dsn)
        assert await rows(shared_postgres_dsn, _USAGE) == []
    seen = await value(shared_postgres_dsn, "SELECT sum(mean_latency_ms * calls) FROM telemetry.ai_usage")
    told = await value(shared_postgres_dsn, "SELECT sum(latency_ms) FROM telemetry.ai_interactions")
    assert seen == pytest.approx(told, rel=MAX_RELATIVE_ERROR)


def _clients() -> Sequence[Span]:
    """Three that name a peer, one of which a service answers that starts a minute later; 10, 30 and 900 ms."""
    made = [
        span(
            service="shop",
            kind=SpanKind.CLIENT,
            lasting_ns=ms * MS_NS,
            trace_id=trace_id(),
            span_id=span_id(),
            status_code=status,
            attributes={"server.address": "pay.example.com"},
        )
        for ms, status in ((10, StatusCode.UNSET), (30, StatusCode.ERROR), (900, StatusCode.ERROR))
    ]
    answered = made[-1]
    child = span(
        service="pay",
        at_us=_MINUTE_US,
        lasting_ns=800 * MS_NS,
        trace_id=answered.trace_id,
        parent_span_id=answered.span_id,
    )
    return [*made, child]


async def test_durations_are_about_right_and_what_was_answered_is_no_peer(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(*_clients()))
    query: LiteralString = """
        SELECT source, target, target_kind, calls, errors, total_duration_ms, mean_duration_ms
        FROM telemetry.service_edges ORDER BY time
    """
    assert await rows(shared_postgres_dsn, query) == []
    await roll_up(shared_postgres_dsn)
    peer, call = await rows(shared_postgres_dsn, query)
    assert peer[:5] == ("shop", "pay.example.com", "external", 2, 1)
    assert peer[5:] == pytest.approx((40.0, 20.0), rel=MAX_RELATIVE_ERROR)
    assert call[:5] == ("shop", "pay", "service", 1, 0)
    assert call[5:] == pytest.approx((800.0, 800.0), rel=MAX_RELATIVE_ERROR)


_FILL: LiteralString = """
    INSERT INTO relayscope.span_metrics_1m (bucket, calls, errors, workspace_id, kind, service_name, operation, duration_ns, latencies, counts)
    SELECT date_bin('1 minute', now(), 'epoch') - n / 20 * interval '1 minute', 3, 1, 1, 2, 'service ' || n % 5, 'GET ' || n % 20, 9e6,
           '{300,310}', '{1,2}'
    FROM generate_series(1, 40000) AS n;
    INSERT INTO relayscope.service_edges_1m (bucket, witness, calls, errors, workspace_id, relation, source, target, system, latencies, counts)
    SELECT bucket, bucket, calls, errors, workspace_id, 'call', service_name, operation, '', latencies, counts FROM relayscope.span_metrics_1m;
    INSERT INTO relayscope.ai_usage_1m (bucket, calls, streaming, priced, workspace_id, is_estimated, service_name, provider, model,
                                        operation, status, latencies, counts, first_latencies, first_counts)
    SELECT bucket, calls, 0, 0, workspace_id, false, service_name, '', operation, 'chat', 'success', latencies, counts, '{}', '{}'
    FROM relayscope.span_metrics_1m;
    ANALYZE relayscope.span_metrics_1m, relayscope.service_edges_1m, relayscope.ai_usage_1m
"""


@pytest.fixture(scope="module")
def role(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of the role of a workspace with a day of rollups and more."""
    with postgres_cluster.database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as owner:
            owner.execute(_FILL)
        yield asyncio.run(_role(dsn))


async def _role(dsn: str) -> str:
    async with running(config(dsn)) as runner:
        return await runner.dsn(OWN)


@pytest.mark.parametrize("view", ["span_metrics", "service_edges", "ai_usage"])
def test_a_condition_on_time_uses_the_index(role: str, view: str) -> None:
    asked = check_sql(f"SELECT sum(calls) FROM {view} WHERE time > now() - interval '1 hour' AND time <= now()").text
    with psycopg.connect(role) as connection:
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {asked}".encode()).fetchall())
        ((count,),) = connection.execute(asked.encode()).fetchall()
    assert "AND (bucket > (now() - '01:00:00'::interval))" in plan, plan
    assert "Seq Scan on " + view not in plan, plan
    assert count > 0
