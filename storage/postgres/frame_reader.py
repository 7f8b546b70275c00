"""Reads traces in narrow columns: the rows that do not grow with what a sender put into a span."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from storage.api import SpanCursor
from storage.frame import FramedSpan, FramePage, SpanFrame
from storage.postgres.read_pool import ReadPool
from storage.postgres.reader import decode_spans
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row
from tracedata import Span

_STATEMENTS = load_statements("frame.sql")
_PLANNING = _STATEMENTS["planning"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No span has an id without any byte.
_BEFORE_ALL = SpanCursor(start_time_unix_nano=0, span_id=b"", tie=0)


class PostgresFrameReader:
    """``storage.frame.FrameReader`` over the pool of another reader. Equal places are told apart by fingerprints."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def frame_page(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> FramePage:
        """See ``FrameReader``."""
        place = after or _BEFORE_ALL
        start_us, start_ns = divmod(place.start_time_unix_nano, 1_000)
        parameters = {
            "workspace_id": workspace_id,
            "trace_id": trace_id,
            # Known when the statement is planned, so that the first page compares nothing.
            "is_first": after is None,
            "start": _EPOCH + timedelta(microseconds=start_us),
            "start_ns": start_ns,
            "span_id": place.span_id,
            "fingerprint": place.tie,
            "limit": limit + 1,
        }
        rows = await self._pool.fetch(_STATEMENTS["page"], parameters, action="trace", planning=_PLANNING)
        spans = await self._pool.aside(_framed, rows[:limit])
        if len(rows) <= limit:
            return FramePage(spans=spans)
        last = spans[-1].frame
        cursor = SpanCursor(
            start_time_unix_nano=last.start_time_unix_nano, span_id=last.span_id, tie=rows[limit - 1].fingerprint
        )
        return FramePage(spans=spans, cursor=cursor)

    async def frames(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[SpanFrame]:
        """See ``FrameReader``."""
        parameters = {"workspace_id": workspace_id, "trace_id": trace_id, "limit": limit}
        rows = await self._pool.fetch(_STATEMENTS["frames"], parameters, action="trace", planning=_PLANNING)
        return await self._pool.aside(_frames, rows)

    async def lineage(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[tuple[bytes, bytes]]:
        """See ``FrameReader``."""
        parameters = {"workspace_id": workspace_id, "trace_id": trace_id, "limit": limit}
        rows = await self._pool.fetch(_STATEMENTS["lineage"], parameters, action="trace", planning=_PLANNING)
        return [(span_id, parent or b"") for span_id, parent in rows]

    async def spans_with_ids(
        self, workspace_id: int, trace_id: bytes, span_ids: Sequence[bytes], *, limit: int
    ) -> Sequence[Span]:
        """See ``FrameReader``."""
        parameters = {
            "workspace_id": workspace_id,
            "trace_id": trace_id,
            "span_ids": list(span_ids),
            "limit": limit,
        }
        rows = await self._pool.fetch(_STATEMENTS["spans"], parameters, action="trace", planning=_PLANNING)
        resources, scopes = await self._pool.origins(workspace_id, rows)
        return await self._pool.aside(decode_spans, rows, resources=resources, scopes=scopes)


def _framed(rows: Sequence[Row]) -> list[FramedSpan]:
    return [
        FramedSpan(
            frame=_frame(row),
            children=row.children,
            has_events=row.has_events,
            has_links=row.has_links,
            has_redactions=row.has_redactions,
            has_interaction=row.has_interaction,
        )
        for row in rows
    ]


def _frames(rows: Sequence[Row]) -> list[SpanFrame]:
    return [_frame(row) for row in rows]


def _frame(row: Row) -> SpanFrame:
    return SpanFrame(
        span_id=row.span_id,
        parent_span_id=row.parent_span_id or b"",
        name=row.name,
        service=row.service_name,
        kind=row.kind,
        start_time_unix_nano=row.start_time * 1_000 + row.start_time_ns,
        duration_ns=row.duration_ns,
        status_code=row.status_code,
    )
