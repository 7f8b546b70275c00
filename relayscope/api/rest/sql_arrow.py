"""Rows as Arrow and Parquet, for which the extra ``relayscope[arrow]`` brings pyarrow.

Whole numbers, doubles, booleans, times, bytes and lists of them keep their types; ``numeric`` becomes a double, and whatever
else there is the text that PostgreSQL writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from relayscope.api.arrow import Sink, arrow_module
from relayscope.api.problem import Problem
from relayscope.api.rest.sql_value import encoder_of
from storage.sql import Cell, SqlColumn, SqlRows
from tracedata import CallerError, RelayscopeError

# So many rows make a batch of Arrow, or a row group of Parquet.
_GROUP_ROWS = 10_000


async def as_arrow(rows: SqlRows, _tell: Callable[[RelayscopeError], Problem]) -> AsyncIterator[bytes]:
    """Arrow's stream format."""
    arrow = arrow_module("pyarrow")
    schema = _schema(arrow, rows.columns)
    sink = Sink()
    with arrow.ipc.new_stream(sink, schema) as writer:
        async for group in _groups(rows):
            writer.write_batch(arrow.record_batch(_columns(arrow, schema, rows.columns, group), schema=schema))
            yield sink.taken()
    yield sink.taken()


async def as_parquet(rows: SqlRows, _tell: Callable[[RelayscopeError], Problem]) -> AsyncIterator[bytes]:
    """A Parquet file; ``truncated`` in its metadata says whether there was more."""
    arrow = arrow_module("pyarrow")
    schema = _schema(arrow, rows.columns)
    sink = Sink()
    with arrow_module("pyarrow.parquet").ParquetWriter(sink, schema) as writer:
        async for group in _groups(rows):
            writer.write_table(arrow.table(_columns(arrow, schema, rows.columns, group), schema=schema))
            yield sink.taken()
        writer.add_key_value_metadata({"truncated": str(rows.is_cut).lower()})
    yield sink.taken()


async def _groups(rows: SqlRows) -> AsyncIterator[Sequence[Sequence[Cell]]]:
    group: list[Sequence[Cell]] = []
    async for chunk in rows.chunks():
        group += chunk
        if len(group) >= _GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _schema(arrow: Any, columns: Sequence[SqlColumn]) -> Any:  # noqa: ANN401 - pyarrow's
    return arrow.schema([arrow.field(column.name, _type(arrow, column.type)) for column in columns])


def _type(arrow: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow's
    if name.endswith("[]"):
        return arrow.list_(_type(arrow, name[:-2])) if name[:-2] in _LISTED else arrow.string()
    if name == "timestamptz":
        return arrow.timestamp("us", tz="UTC")
    if name == "timestamp":
        return arrow.timestamp("us")
    return getattr(arrow, _TYPES.get(name, "string"))()


def _columns(
    arrow: Any,  # noqa: ANN401 - pyarrow's
    schema: Any,  # noqa: ANN401 - pyarrow's
    columns: Sequence[SqlColumn],
    group: Sequence[Sequence[Cell]],
) -> Sequence[Any]:
    made = []
    for number, column in enumerate(columns):
        read = _reader(column.type)
        try:
            values = [None if row[number] is None else read(row[number] or b"") for row in group]
            made.append(arrow.array(values, type=schema.field(number).type))
        except (ValueError, OverflowError) as exc:
            raise CallerError(
                f"sql: a value of the column {column.name} has no form in Arrow; cast it to text"
            ) from exc
    return made


def _reader(name: str) -> Callable[[bytes], Any]:
    if name.endswith("[]") and name[:-2] in _LISTED:
        encode = encoder_of(name)
        return lambda value: msgspec.json.decode(encode(value))
    return _READERS.get(name, bytes.decode)


_TYPES: Mapping[str, str] = {
    "int2": "int16", "int4": "int32", "int8": "int64", "oid": "int64", "float4": "float32", "float8": "float64",
    "numeric": "float64", "bool": "bool_", "date": "date32", "bytea": "binary",
}  # fmt: skip
# Lists of what JSON has too.
_LISTED = frozenset(("int2", "int4", "int8", "float4", "float8", "bool", "text", "varchar"))
_READERS: Mapping[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    **dict.fromkeys(("float4", "float8", "numeric"), float),
    **dict.fromkeys(("timestamptz", "timestamp"), lambda value: datetime.fromisoformat(value.decode())),
    "bool": lambda value: value == b"t",
    "date": lambda value: date.fromisoformat(value.decode()),
    "bytea": lambda value: bytes.fromhex(value[2:].decode()),
}
