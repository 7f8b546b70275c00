"""Outlines and pages made from whole traces: what stores make of what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from storage import outline
from storage.api import SpanCursor, SpanPage, TraceOutline
from tracedata import Span


def outline_of(spans: Sequence[Span]) -> TraceOutline:
    """The outline of a trace; ``spans`` are all of its spans, at least one, in any order."""
    return outline.outline_of(in_order(spans))


def page_of(spans: Sequence[Span], *, limit: int, after: SpanCursor | None) -> SpanPage:
    """A page of a trace; which of several equal spans is meant is told by its place among them."""
    places: list[SpanCursor] = []
    for span in in_order(spans):
        last = places[-1] if places else None
        start, span_id = span.start_time_unix_nano, span.span_id
        is_equal = last is not None and (last.start_time_unix_nano, last.span_id) == (start, span_id)
        tie = last.tie + 1 if last is not None and is_equal else 0
        places.append(SpanCursor(start_time_unix_nano=start, span_id=span_id, tie=tie))
    wanted = [(place, span) for place, span in zip(places, in_order(spans), strict=True) if _is_after(place, after)]
    page = wanted[:limit]
    return SpanPage(spans=[span for _, span in page], cursor=page[-1][0] if len(wanted) > len(page) > 0 else None)


def in_order(spans: Sequence[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span.start_time_unix_nano, span.span_id))


def _is_after(place: SpanCursor, after: SpanCursor | None) -> bool:
    return after is None or _key(place) > _key(after)


def _key(place: SpanCursor) -> tuple[int, bytes, int]:
    return place.start_time_unix_nano, place.span_id, place.tie
