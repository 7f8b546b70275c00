"""The forms in which rows are answered, made of some rows after some."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from relayscope.api.problem import Problem
from relayscope.api.rest.sql_arrow import as_arrow, as_parquet
from relayscope.api.rest.sql_schema import SqlFormat
from relayscope.api.rest.sql_value import encoder_of
from storage.sql import Cell, SqlRows
from tracedata import RelayscopeError

# Some bytes after some. An error in the middle is raised where the form has no place for it.
Pieces: TypeAlias = AsyncIterator[bytes]
# How an error is told to whoever asked.
Tell: TypeAlias = Callable[[RelayscopeError], Problem]

_encode = msgspec.json.Encoder().encode


async def as_json(rows: SqlRows, tell: Tell) -> Pieces:
    """See ``sql_schema.SqlAnswer``. An error in the middle stands at the end."""
    columns = [{"name": column.name, "type": column.type} for column in rows.columns]
    encoders = [encoder_of(column.type) for column in rows.columns]
    yield b'{"columns":' + _encode(columns) + b',"rows":['
    count = 0
    ending = b""
    try:
        async for chunk in rows.chunks():
            lines = [_row(row, encoders) for row in chunk]
            if lines:
                yield (b"," if count else b"") + b",".join(lines)
            count += len(lines)
    except RelayscopeError as exc:
        ending = b',"error":' + _encode(tell(exc))
    is_cut = rows.is_cut or bool(ending)
    yield b'],"rowCount":' + _encode(count) + b',"truncated":' + _encode(is_cut) + ending + b"}"


def _row(row: Sequence[Cell], encoders: Sequence[Callable[[bytes], bytes]]) -> bytes:
    cells = (b"null" if cell is None else encode(cell) for cell, encode in zip(row, encoders, strict=True))
    return b"[" + b",".join(cells) + b"]"


async def as_csv(rows: SqlRows, _tell: Tell) -> Pieces:
    """RFC 4180 with a header; NULL is nothing. What is cut off is not told of: the form has no place for it."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow([column.name for column in rows.columns])
    booleans = [column.type == "bool" for column in rows.columns]
    async for chunk in rows.chunks():
        writer.writerows([[csv_cell(*pair) for pair in zip(row, booleans, strict=True)] for row in chunk])
        yield _taken(buffer)
    yield _taken(buffer)


def csv_cell(cell: Cell, is_boolean: bool) -> str:  # noqa: FBT001 - by pairs
    """A cell of CSV; NULL is nothing."""
    if cell is None:
        return ""
    if is_boolean:
        return "true" if cell == b"t" else "false"
    return cell.decode()


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


FORMATS: Mapping[SqlFormat, tuple[str, Callable[[SqlRows, Tell], Pieces]]] = {
    "json": ("application/json", as_json),
    "csv": ("text/csv; charset=utf-8", as_csv),
    "arrow": ("application/vnd.apache.arrow.stream", as_arrow),
    "parquet": ("application/vnd.apache.parquet", as_parquet),
}
