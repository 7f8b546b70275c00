"""CSV as RFC 4180 has it, with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from relayscope.api.export.column import CellValue, Column
from relayscope.api.rest.value import iso_time

_T = TypeVar("_T")
# What a spreadsheet may take for the beginning of a formula. Source: https://owasp.org/www-community/attacks/CSV_Injection
# The last four are wide forms, which some take for the first four.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class CommaSeparated(Generic[_T]):
    """See ``Form``. With ``is_guarded``, a text that a spreadsheet could take for a formula gets an apostrophe in front."""

    def __init__(self, columns: Sequence[Column[_T]], *, is_guarded: bool = False) -> None:
        self._names = [column.name for column in columns]
        self._cells = [_cell_of(column, is_guarded=is_guarded) for column in columns]

    def begin(self) -> bytes:
        return written([self._names])

    def encode(self, items: Sequence[_T]) -> bytes:
        return written([[cell(item) for cell in self._cells] for item in items])

    def end(self) -> bytes:
        return b""


def _cell_of(column: Column[_T], *, is_guarded: bool) -> Callable[[_T], CellValue]:
    """What makes a cell of an item. Numbers are written by the library, and nothing for None."""
    if column.type == "time":
        return lambda item: _moment(column.value(item))
    if column.type == "bool":
        return lambda item: _truth(column.value(item))
    if column.type in {"text", "json"} and is_guarded:
        return lambda item: _guarded(column.value(item))
    return column.value


def _moment(value: CellValue) -> CellValue:
    return iso_time(value) if isinstance(value, int) else value


def _truth(value: CellValue) -> CellValue:
    return value if value is None else str(value).lower()


def _guarded(value: CellValue) -> CellValue:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def written(rows: Sequence[Sequence[CellValue]]) -> bytes:
    """Rows as CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
