"""Traces in a few numbers each, counted where they are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from storage.postgres.read_pool import BY_INDEX, Asked, ReadPool
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row
from storage.trace_summary import ServiceShare, TraceSummary

_SHARES = load_statements("trace_summary.sql")["shares"]
# Of spans, and of all that are kept, the archive's as well.
_OF_SPANS, _OF_KEPT = _SHARES.replace("{place}", "spans"), _SHARES.replace("{place}", "kept_spans")


class PostgresTraceSummaryReader:
    """``storage.trace_summary.TraceSummaryReader`` over the pool of another reader."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def trace_summaries(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceSummary]:
        """See ``TraceSummaryReader``. Names of services are as long as they are stored."""
        parameters = {"workspace_id": workspace_id, "trace_ids": list(trace_ids)}
        spans, kept = ([Asked(statement, parameters)] for statement in (_OF_SPANS, _OF_KEPT))
        (rows,) = await self._pool.fetch_kept(
            spans, kept, traces=(workspace_id, trace_ids), action="summary", planning=BY_INDEX
        )
        return {
            bytes(trace_id): _summary(bytes(trace_id), list(of_trace))
            for trace_id, of_trace in groupby(rows, key=lambda row: row.trace_id)
        }


def _summary(trace_id: bytes, rows: Sequence[Row]) -> TraceSummary:
    """``rows`` are the shares of its services."""
    return TraceSummary(
        trace_id=trace_id,
        root_service=rows[0].root_service or "",
        root_operation=rows[0].root_operation or "",
        start_time_unix_nano=min(int(row.start_ns) for row in rows),
        end_time_unix_nano=max(int(row.end_ns) for row in rows),
        span_count=sum(row.spans for row in rows),
        error_count=sum(row.errors for row in rows),
        orphan_count=sum(row.orphans for row in rows),
        services=[ServiceShare(service=row.service_name, span_count=row.spans, error_count=row.errors) for row in rows],
    )
