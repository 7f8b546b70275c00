"""Where a query is at fault: the one way in which every language that we read points at a place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tracedata import CallerError

_MAX_LINE_CHARS = 100


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a text: ``offset`` counts characters from 0, ``line`` and ``column`` from 1.

    ``excerpt`` is the line, and below it a caret at the place.
    """

    offset: int
    line: int
    column: int
    excerpt: str


class PlacedError(CallerError):
    """A query is at fault.

    Attributes:
        place: where; None when nobody knows.
        found: what stands there; empty when the message says all.
        expected: what could stand there instead.
    """

    def __init__(self, message: str, *, place: Place | None, found: str = "", expected: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.place = place
        self.found = found
        self.expected = tuple(expected)


def place_at(text: str, offset: int) -> Place:
    """The place of a character; one behind the text is its end."""
    offset = min(max(offset, 0), len(text))
    column = offset - text.rfind("\n", 0, offset)
    return Place(
        offset=offset, line=text.count("\n", 0, offset) + 1, column=column, excerpt=_excerpt(text, offset, column - 1)
    )


def _excerpt(text: str, offset: int, column: int) -> str:
    line = text[offset - column :].partition("\n")[0].replace("\t", " ").rstrip()
    first = max(0, column - _MAX_LINE_CHARS // 2)
    return f"{line[first : first + _MAX_LINE_CHARS]}\n{' ' * (column - first)}^"
