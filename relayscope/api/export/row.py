"""Rows of SQL as files. An answer that a bound cuts off is none: it raises at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec

from relayscope.api.export.comma import FORMULA_STARTS, written
from relayscope.api.problem import problem_of
from relayscope.api.rest.sql_arrow import as_parquet
from relayscope.api.rest.sql_format import csv_cell
from relayscope.api.rest.sql_value import Encoder, encoder_of
from storage.sql import Cell, SqlRows
from tracedata import CallerError, PermanentError

_encode = msgspec.json.Encoder().encode
# What a spreadsheet shows as it is, whatever it begins with.
_HARMLESS = frozenset(
    ("int2", "int4", "int8", "oid", "float4", "float8", "numeric", "bool", "timestamptz", "timestamp", "date")
)


async def as_lines(rows: SqlRows) -> AsyncIterator[bytes]:
    """An object a line, by the names of the columns.

    Raises:
        CallerError: two columns have the same name.
    """
    names = [column.name for column in rows.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise CallerError(f"sql: two columns are named {twice[0]}; name them apart with AS")
    keys = [_encode(name) + b":" for name in names]
    encoders = [encoder_of(column.type) for column in rows.columns]
    async for chunk in rows.chunks():
        yield b"".join([_line(row, keys, encoders) for row in chunk])
    _assert_whole(rows)


def _line(row: Sequence[Cell], keys: Sequence[bytes], encoders: Sequence[Encoder]) -> bytes:
    cells = (b"null" if cell is None else encode(cell) for cell, encode in zip(row, encoders, strict=True))
    return b"{" + b",".join([key + cell for key, cell in zip(keys, cells, strict=True)]) + b"}\n"


async def as_comma_separated(rows: SqlRows, *, is_guarded: bool) -> AsyncIterator[bytes]:
    """CSV with a header; see ``relayscope.api.export.comma``."""
    yield written([[_guarded(column.name, is_guarded) for column in rows.columns]])
    booleans = [column.type == "bool" for column in rows.columns]
    guards = [is_guarded and column.type not in _HARMLESS for column in rows.columns]
    async for chunk in rows.chunks():
        yield written([_texts(row, booleans, guards) for row in chunk])
    _assert_whole(rows)


def _texts(row: Sequence[Cell], booleans: Sequence[bool], guards: Sequence[bool]) -> list[str]:
    cells = zip(row, booleans, guards, strict=True)
    return [_guarded(csv_cell(cell, is_boolean), guard) for cell, is_boolean, guard in cells]


def _guarded(text: str, guard: bool) -> str:  # noqa: FBT001 - by pairs
    return f"'{text}" if guard and text.startswith(FORMULA_STARTS) else text


async def as_typed_columns(rows: SqlRows) -> AsyncIterator[bytes]:
    """Parquet."""
    async for piece in as_parquet(rows, problem_of):
        yield piece
    _assert_whole(rows)


def _assert_whole(rows: SqlRows) -> None:
    if rows.is_cut:
        raise PermanentError("the answer to a query exceeds storage.sql.max_bytes")
