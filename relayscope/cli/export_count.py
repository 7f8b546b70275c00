"""Counts the items of an export while it comes, by its bytes alone."""

from __future__ import annotations

from collections.abc import Callable

# Only a span has it. In a text, the second quotation mark would have a backslash before it.
_SPAN = b'"startTimeUnixNano":'


class LineCount:
    """JSON Lines: a line is an item."""

    def __init__(self) -> None:
        self.items = 0

    def add(self, piece: bytes) -> None:
        self.items += piece.count(b"\n")


class SpanCount:
    """OTLP/JSON: a line has many spans."""

    def __init__(self) -> None:
        self.items = 0
        self._rest = b""

    def add(self, piece: bytes) -> None:
        known = self._rest + piece
        self.items += known.count(_SPAN)
        self._rest = known[-len(_SPAN) + 1 :]


class RowCount:
    """CSV with a header: a row ends at the end of a line outside quotation marks."""

    def __init__(self) -> None:
        self._ends = 0
        self._is_quoted = False

    @property
    def items(self) -> int:
        return max(0, self._ends - 1)

    def add(self, piece: bytes) -> None:
        first, *others = piece.split(b'"')
        if not self._is_quoted:
            self._ends += first.count(b"\n")
        for part in others:
            self._is_quoted = not self._is_quoted
            if not self._is_quoted:
                self._ends += part.count(b"\n")


COUNTS: dict[str, Callable[[], LineCount | SpanCount | RowCount]] = {
    "jsonl": LineCount,
    "otlp-json": SpanCount,
    "csv": RowCount,
}
"""By the name of a form; the items of any other cannot be seen."""
