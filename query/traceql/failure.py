"""What is wrong with a query, and where."""

from __future__ import annotations

from collections.abc import Sequence

from tracedata import CallerError

_MAX_LINE_CHARS = 100


class QueryError(CallerError):
    """A query that is not in the subset.

    Attributes:
        line: where, counted from 1.
        column: where in that line, counted from 1.
        found: what stands there.
        expected: what could stand there instead.
        excerpt: the line, and below it a caret at the place.
    """

    def __init__(self, text: str, *, at: int, reason: str = "", found: str = "", expected: Sequence[str] = ()) -> None:
        self.line = text.count("\n", 0, at) + 1
        self.column = at - (text.rfind("\n", 0, at) + 1) + 1
        self.found = found
        self.expected = tuple(expected)
        self.excerpt = _excerpt(text, at)
        super().__init__(f"q: line {self.line}, column {self.column}: {reason or self._sentence()}")

    def _sentence(self) -> str:
        return f"found {self.found}; possible here: {', '.join(self.expected)}"


def _excerpt(text: str, at: int) -> str:
    begin = text.rfind("\n", 0, at) + 1
    line = text[begin:].partition("\n")[0].replace("\t", " ").rstrip()
    column = at - begin
    first = max(0, column - _MAX_LINE_CHARS // 2)
    return f"{line[first : first + _MAX_LINE_CHARS]}\n{' ' * (column - first)}^"
