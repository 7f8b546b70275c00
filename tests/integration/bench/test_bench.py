"""The benchmarks, as small as they can be: the figures mean nothing, their presence and the counts do."""

from __future__ import annotations

import pytest

from relayscope.bench.ingest import Plan, measure
from relayscope.bench.large import LargePlan, measure_large
from relayscope.bench.replay import ReplayPlan, measure_replay

pytestmark = pytest.mark.postgres
_SIZES = (50, 100)


async def test_ingest_beside_the_ceiling() -> None:
    lines: list[str] = []
    plan = Plan(rounds=1, spans=2_000, sizes=_SIZES, workers=1, connections=2, concurrency=2)

    report = await measure(plan, tell=lines.append)

    (only,) = report.rounds
    assert report.ratio == pytest.approx(only.ingest_spans_per_s / only.ceiling_rows_per_s)
    assert report.unredacted_ratio == pytest.approx(only.unredacted_spans_per_s / only.ceiling_rows_per_s)
    assert report.extraction_ratio == pytest.approx(only.ingest_spans_per_s / only.unextracted_spans_per_s)
    assert only.queryable_ms
    assert 0 < report.queryable_p50_ms <= report.queryable_p99_ms == max(only.queryable_ms)
    assert only.worker_memory_mib > 10
    assert only.bytes_per_span > 300
    assert any("round 1 of 1" in line for line in lines)


async def test_a_store_that_is_filled() -> None:
    advanced: list[int] = []
    plan = LargePlan(
        spans=2_500, days=3, lap_spans=1_000, sizes=_SIZES, queries=2, workers=1, connections=2, concurrency=2
    )

    report = await measure_large(plan, tell=lambda _: None, advance=advanced.append)

    assert advanced == [1_000, 1_000, 500]
    assert [lap.stored for lap in report.laps] == [1_000, 2_000, 2_500]
    assert report.ratio == pytest.approx(report.rate_full / report.rate_empty)
    assert report.bytes_per_span == pytest.approx(report.disk_bytes / 2_500)
    assert [(one.asked, one.failed) for one in report.queries] == [(2, 0)] * 12
    assert all(0 < one.p50_ms <= one.p95_ms for one in report.queries)


async def test_a_replay_of_stored_decisions() -> None:
    lines: list[str] = []

    report = await measure_replay(ReplayPlan(decisions=500, rounds=2), tell=lines.append)

    assert len(report.seconds) == 2
    assert report.decisions_per_s > 0
    assert 0 < report.flips < 500
    assert 0 < report.health_p50_ms <= report.health_p99_ms
    assert any("round 2 of 2" in line for line in lines)
