"""Statistics of spans over time, from rollups, and from rows for what is not rolled up as it is, or by an attribute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from storage.latency import percentiles_ms
from storage.postgres.read_pool import ReadPool
from storage.postgres.rollup_reader import STATEMENTS as READING
from storage.postgres.rollup_reader import Question, Tally, coarsest_of, covered
from storage.postgres.rollup_statement import load_rollup_statements
from storage.postgres.row import MAX_SERVICE_NAME_CHARS
from storage.postgres.stored_part import Row
from storage.rollup import SpanFigures, SpanQuestion, SpanSeries, SpanStatistics

STATEMENTS = load_rollup_statements("rollup_statistics.sql")
_FRACTIONS = (0.5, 0.9, 0.95, 0.99)


class PostgresSpanStatisticsReader:
    """``storage.rollup.SpanStatisticsReader`` over the pool of another reader, which lives as long as this one."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def span_statistics(self, question: SpanQuestion) -> SpanStatistics:
        """See ``SpanStatisticsReader``."""
        # Rollups know of no attributes.
        coarsest = coarsest_of(question.step_us) if question.attribute is None else 0
        async with self._pool.snapshot(READING["snapshot"], action="span statistics") as ask:
            parameters = {
                **await covered(ask, Question(window=question.window, coarsest=coarsest)),
                "by": list(question.by),
                "by_operation": "operation" in question.by or question.operation is not None,
                "attribute": question.attribute,
                "service": None if question.service is None else question.service[:MAX_SERVICE_NAME_CHARS],
                "operation": question.operation,
                "step": timedelta(microseconds=question.step_us),
                "limit": question.limit + 1,
            }
            rows = await ask(STATEMENTS["series"], parameters)
        return await self._pool.aside(_statistics, rows, limit=question.limit)


def _statistics(rows: Sequence[Row], *, limit: int) -> SpanStatistics:
    series = [_series(list(group)) for _, group in groupby(rows, key=lambda row: row.number)]
    return SpanStatistics(series=series[:limit], is_cut=len(series) > limit)


def _series(rows: Sequence[Row]) -> SpanSeries:
    total = Tally()
    steps: list[tuple[int, SpanFigures]] = []
    for row in rows:
        step = Tally(row.latencies, row.counts, errors=row.errors)
        total.add(step)
        steps.append((row.place, _figures(step)))
    first = rows[0]
    return SpanSeries(
        service=first.service, operation=first.operation, attribute=first.value, total=_figures(total), steps=steps
    )


def _figures(tally: Tally) -> SpanFigures:
    buckets = sorted(tally.cells)
    p50, p90, p95, p99 = percentiles_ms(buckets, [tally.cells[one] for one in buckets], _FRACTIONS)
    return SpanFigures(calls=tally.calls, errors=tally.errors, p50_ms=p50, p90_ms=p90, p95_ms=p95, p99_ms=p99)
