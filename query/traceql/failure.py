"""What is wrong with a query, and where."""

from __future__ import annotations

from collections.abc import Sequence

from query.place import PlacedError, place_at


class QueryError(PlacedError):
    """A query that is not in the subset."""

    def __init__(self, text: str, *, at: int, reason: str = "", found: str = "", expected: Sequence[str] = ()) -> None:
        place = place_at(text, at)
        reason = reason or f"found {found}; possible here: {', '.join(expected)}"
        super().__init__(
            f"q: line {place.line}, column {place.column}: {reason}", place=place, found=found, expected=expected
        )
