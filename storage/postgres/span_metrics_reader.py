"""Calls over time, computed from the spans themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from storage.postgres.read_pool import ReadPool
from storage.postgres.row import MAX_SERVICE_NAME_CHARS
from storage.postgres.statement import load_statements
from storage.span_metrics import SpanMetricsPoint, SpanMetricsQuery

_STATEMENTS = load_statements("span_metrics.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000


class PostgresSpanMetricsReader:
    """``storage.span_metrics.SpanMetricsReader`` over the pool of another reader."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def span_metrics(self, query: SpanMetricsQuery) -> Sequence[SpanMetricsPoint]:
        """See ``SpanMetricsReader``. Names of services are as long as they are stored."""
        parameters = {
            "workspace_id": query.workspace_id,
            "services": [service[:MAX_SERVICE_NAME_CHARS] for service in query.services],
            "kinds": list(query.kinds),
            "start": _moment(query.start_us),
            "end": _moment(query.end_us),
            "step": timedelta(microseconds=query.step_us),
            "by_operation": query.by_operation,
            "quantile": query.quantile,
        }
        statement = _STATEMENTS["calls" if query.quantile is None else "latencies"]
        rows = await self._pool.fetch(statement, parameters, action="span metrics")
        points = [
            SpanMetricsPoint(
                service=row.service_name,
                operation=row.operation,
                start_us=row.step_start,
                calls=row.calls,
                errors=row.errors,
                latency_ms=row.latency_ms,
            )
            for row in rows
        ]
        # In the order of code points, whatever the database's collation.
        return sorted(points, key=lambda point: (point.service, point.operation, point.start_us))


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(time_us, 0), _MAX_OTLP_US))
