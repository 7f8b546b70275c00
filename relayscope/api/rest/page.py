"""Pages of lists that are in memory already: names of the store, spans of a trace."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from query.cursor import (
    NameCursor,
    SpanCursor,
    decode_name_cursor,
    decode_span_cursor,
    encode_name_cursor,
    encode_span_cursor,
)
from tracedata import Span

_T = TypeVar("_T")


def span_page(spans: Sequence[Span], *, limit: int, cursor: str | None = None) -> tuple[Sequence[Span], str | None]:
    """At most ``limit`` spans after ``cursor``, and the cursor of the next page if there is one.

    ``spans`` are ordered by start and id, as the store returns them.
    """
    first = _span_position(spans, decode_span_cursor(cursor)) if cursor else 0
    page = spans[first : first + limit]
    if first + limit >= len(spans):
        return page, None
    return page, encode_span_cursor(_span_cursor(spans, first + limit - 1))


def name_page(
    items: Sequence[_T], *, key: Callable[[_T], tuple[str, int]], limit: int, cursor: str | None = None
) -> tuple[Sequence[_T], str | None]:
    """At most ``limit`` items after ``cursor``, and the cursor of the next page if there is one.

    ``key`` gives the name and number of an item. No two items have the same.
    """
    ordered = sorted(items, key=key)
    first = 0
    if cursor:
        place = decode_name_cursor(cursor)
        first = bisect_right(ordered, (place.name, place.number), key=key)
    page = ordered[first : first + limit]
    if first + limit >= len(ordered):
        return page, None
    name, number = key(page[-1])
    return page, encode_name_cursor(NameCursor(name=name, number=number))


def _span_key(span: Span) -> tuple[int, bytes]:
    return span.start_time_unix_nano, span.span_id


def _span_cursor(spans: Sequence[Span], position: int) -> SpanCursor:
    start, span_id = _span_key(spans[position])
    first_equal = bisect_left(spans, (start, span_id), key=_span_key)
    return SpanCursor(start_time_unix_nano=start, span_id=span_id, ordinal=position - first_equal)


def _span_position(spans: Sequence[Span], cursor: SpanCursor) -> int:
    """Where the page after ``cursor`` begins."""
    place = (cursor.start_time_unix_nano, cursor.span_id)
    first_equal = bisect_left(spans, place, key=_span_key)
    after_equal = bisect_right(spans, place, key=_span_key)
    return min(first_equal + cursor.ordinal + 1, after_equal)
