"""CSV as RFC 4180 has it, with a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Generic, TypeVar

from relayscope.api.export.column import CellValue, Column
from relayscope.api.rest.value import iso_time

_T = TypeVar("_T")
# What a spreadsheet may take for the beginning of a formula. Source: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class CommaSeparated(Generic[_T]):
    """See ``Form``. With ``is_guarded``, a text that a spreadsheet could take for a formula gets an apostrophe in front."""

    def __init__(self, columns: Sequence[Column[_T]], *, is_guarded: bool = False) -> None:
        self._columns = columns
        self._is_guarded = is_guarded

    def begin(self) -> bytes:
        return written([[column.name for column in self._columns]])

    def encode(self, items: Sequence[_T]) -> bytes:
        return written([[self._cell(column, item) for column in self._columns] for item in items])

    def end(self) -> bytes:
        return b""

    def _cell(self, column: Column[_T], item: _T) -> str:
        text = _text(column, column.value(item))
        is_text = column.type in {"text", "json"}
        return f"'{text}" if self._is_guarded and is_text and text.startswith(FORMULA_STARTS) else text


def _text(column: Column[_T], value: CellValue) -> str:
    if value is None:
        return ""
    if column.type == "time" and isinstance(value, int):
        return iso_time(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def written(rows: Sequence[Sequence[str]]) -> bytes:
    """Rows as CSV."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()
