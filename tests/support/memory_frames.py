"""A frame reader over any reader of spans: slow, obvious, and the oracle for every other implementation."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from storage.api import SpanCursor, SpanReader
from storage.frame import FramedSpan, FramePage, SpanFrame
from tests.support.outline import in_order
from tracedata import Span


class MemoryFrames:
    """``storage.frame.FrameReader`` over whole spans; ``interactions`` are ids of spans under which one is kept."""

    def __init__(self, reader: SpanReader, *, interactions: Collection[bytes] = ()) -> None:
        self._reader = reader
        self._interactions = interactions

    async def frame_page(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> FramePage:
        page = await self._reader.trace_spans(workspace_id, trace_id, limit=limit, after=after)
        parents = [span.parent_span_id for span in await self._spans(workspace_id, trace_id)]
        found = [
            FramedSpan(
                frame=frame_of(span),
                children=parents.count(span.span_id),
                has_events=bool(span.events),
                has_links=bool(span.links),
                has_redactions=bool(span.redactions),
                has_interaction=span.span_id in self._interactions,
            )
            for span in page.spans
        ]
        return FramePage(spans=found, cursor=page.cursor)

    async def frames(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[SpanFrame]:
        return [frame_of(span) for span in (await self._spans(workspace_id, trace_id))[:limit]]

    async def lineage(self, workspace_id: int, trace_id: bytes, *, limit: int) -> Sequence[tuple[bytes, bytes]]:
        spans = (await self._spans(workspace_id, trace_id))[:limit]
        return [(span.span_id, span.parent_span_id) for span in spans]

    async def spans_with_ids(
        self, workspace_id: int, trace_id: bytes, span_ids: Sequence[bytes], *, limit: int
    ) -> Sequence[Span]:
        return [span for span in await self._spans(workspace_id, trace_id) if span.span_id in span_ids][:limit]

    async def _spans(self, workspace_id: int, trace_id: bytes) -> Sequence[Span]:
        return in_order((await self._reader.get_traces(workspace_id, [trace_id])).get(trace_id, ()))


def frame_of(span: Span) -> SpanFrame:
    """What a frame tells of a span."""
    return SpanFrame(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        service=span.resource.service_name,
        kind=span.kind,
        start_time_unix_nano=span.start_time_unix_nano,
        duration_ns=span.duration_ns,
        status_code=span.status_code,
    )
