"""Pages of lists that are in memory already: names of the store."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from query.cursor import NameCursor, decode_name_cursor, encode_name_cursor

_T = TypeVar("_T")


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
