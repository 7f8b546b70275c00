"""Calls over time, and traces in numbers, equal to what counting the spans gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import quantiles

import pytest
from msgspec.structs import replace

from relayscope.api.jaeger.summary import summarized
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.span_metrics_reader import PostgresSpanMetricsReader
from storage.postgres.trace_summary_reader import PostgresTraceSummaryReader
from storage.postgres.writer import WriterConfig
from storage.span_metrics import SpanMetricsPoint, SpanMetricsQuery
from tests.support.database import reading, writing
from tests.support.factory import BASE_US, SECOND_US, batch, span, trace_id
from tests.support.large_trace import LARGE_TRACE_ID, large_trace
from tracedata import Span, StatusCode

_STEP_US = 60 * SECOND_US
_NAMES = ("GET /", "a", "Z", "é")


def _traffic() -> Sequence[Span]:
    chance = random.Random(11)
    return [
        span(
            service=chance.choice(("shop", "bank", "other", "Shop")),
            name=chance.choice(_NAMES),
            kind=chance.randrange(4),
            at_us=chance.randrange(-90 * SECOND_US, 600 * SECOND_US),
            lasting_ns=chance.randrange(-1_000, 50_000_000),
            status_code=chance.choice((0, 1, 2)),
        )
        for _ in range(1_500)
    ]


_QUERY = SpanMetricsQuery(
    workspace_id=1,
    services=["shop", "Shop", "bank", "nobody"],
    kinds=[2, 3],
    start_us=BASE_US + 5,
    end_us=BASE_US + 9 * _STEP_US - 5,
    step_us=_STEP_US,
)


def _counted(spans: Sequence[Span], query: SpanMetricsQuery) -> list[SpanMetricsPoint]:
    groups: dict[tuple[str, str, int], list[Span]] = {}
    for one in spans:
        start_us = one.start_time_unix_nano // 1_000
        service = one.resource.service_name
        if service in query.services and one.kind in query.kinds and query.start_us <= start_us < query.end_us:
            key = (service, one.name if query.by_operation else "", start_us // query.step_us * query.step_us)
            groups.setdefault(key, []).append(one)
    return [
        SpanMetricsPoint(
            service=key[0],
            operation=key[1],
            start_us=key[2],
            calls=len(found),
            errors=sum(one.status_code == StatusCode.ERROR for one in found),
            latency_ms=None if query.quantile is None else _quantile(found, query.quantile),
        )
        for key, found in sorted(groups.items())
    ]


def _quantile(spans: Sequence[Span], quantile: float) -> float:
    durations = sorted(max(one.duration_ns, 0) / 1e6 for one in spans)
    if len(durations) == 1:
        return durations[0]
    # The inclusive method is that of percentile_cont.
    return quantiles(durations, n=100, method="inclusive")[round(quantile * 100) - 1]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(_QUERY, id="by service"),
        pytest.param(replace(_QUERY, by_operation=True), id="by operation"),
        pytest.param(replace(_QUERY, quantile=0.95), id="a quantile"),
        pytest.param(
            replace(_QUERY, quantile=0.5, by_operation=True, step_us=7 * SECOND_US), id="quantile by operation"
        ),
        pytest.param(replace(_QUERY, services=["nobody"]), id="nothing"),
        pytest.param(replace(_QUERY, workspace_id=2), id="another workspace"),
    ],
)
async def test_metrics_equal_those_that_are_counted(shared_postgres_dsn: str, query: SpanMetricsQuery) -> None:
    traffic = _traffic()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(*traffic))
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await PostgresSpanMetricsReader(reader.pool).span_metrics(query)
    expected = _counted(traffic if query.workspace_id == 1 else [], query)
    assert [replace(one, latency_ms=None) for one in found] == [replace(one, latency_ms=None) for one in expected]
    assert [one.latency_ms for one in found] == pytest.approx([one.latency_ms for one in expected], nan_ok=False)


async def test_summaries_equal_those_that_are_counted(shared_postgres_dsn: str) -> None:
    rootless, sibling = trace_id(), trace_id()
    others = [
        span(trace_id=rootless, parent_span_id=b"\7" * 8, service="Z", at_us=5),
        span(trace_id=rootless, parent_span_id=b"\7" * 8, service="a", at_us=1, lasting_ns=-5),
        # Some senders write zeros for a parent that is not there.
        span(trace_id=sibling, parent_span_id=bytes(8), at_us=2, name="second", status_code=2),
        span(trace_id=sibling, at_us=1, name="first"),
        span(trace_id=sibling, at_us=3, service=""),
    ]
    spans = [*large_trace(), *others]
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(*spans))
        await writer.consume(batch(span(trace_id=rootless), workspace_id=2))
    ids = [LARGE_TRACE_ID, rootless, sibling]
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await PostgresTraceSummaryReader(reader.pool).trace_summaries(1, [*ids, trace_id()])
        traces = await reader.get_traces(1, ids)
    assert found == {key: summarized(key, traces[key]) for key in ids}
    assert (found[sibling].root_operation, found[rootless].root_operation) == ("first", "")
    assert found[rootless].orphan_count == 2
