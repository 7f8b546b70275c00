"""Parquet with typed columns, for which the extra ``relayscope[arrow]`` brings pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from relayscope.api.arrow import Sink, arrow_module
from relayscope.api.export.column import CellValue, Column

_T = TypeVar("_T")
# A row group has so many rows at most, and so many characters of text, since it is in memory as a whole.
_GROUP_ROWS = 10_000
_GROUP_CHARS = 8 * 1024 * 1024
# The largest moment that nanoseconds of 64 bits can tell: in 2262.
_MAX_TIME = 2**63 - 1
_TYPES = {
    "text": "string",
    "json": "string",
    "int64": "int64",
    "uint64": "uint64",
    "float64": "float64",
    "bool": "bool_",
}


class Parquet(Generic[_T]):
    """See ``Form``. A time that Parquet cannot tell is null."""

    def __init__(self, columns: Sequence[Column[_T]]) -> None:
        self._columns = columns
        self._arrow = arrow_module("pyarrow")
        self._schema = self._arrow.schema([(column.name, self._type(column)) for column in columns])
        self._sink = Sink()
        self._writer = arrow_module("pyarrow.parquet").ParquetWriter(self._sink, self._schema, compression="zstd")
        self._group: list[list[CellValue]] = [[] for _ in columns]
        self._chars = 0

    def begin(self) -> bytes:
        return self._sink.taken()

    def encode(self, items: Sequence[_T]) -> bytes:
        for item in items:
            for column, values in zip(self._columns, self._group, strict=True):
                value = column.value(item)
                self._chars += len(value) if isinstance(value, str) else 0
                values.append(_told(column, value))
            if len(self._group[0]) >= _GROUP_ROWS or self._chars >= _GROUP_CHARS:
                self._write()
        return self._sink.taken()

    def end(self) -> bytes:
        if self._group[0]:
            self._write()
        self._writer.close()
        return self._sink.taken()

    def _write(self) -> None:
        arrays = [
            self._arrow.array(values, type=field.type) for values, field in zip(self._group, self._schema, strict=True)
        ]
        self._group = [[] for _ in self._columns]
        self._chars = 0
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    # Any: pyarrow has no types, and is there only with the extra.
    def _type(self, column: Column[_T]) -> Any:  # noqa: ANN401 - as above
        if column.type == "time":
            return self._arrow.timestamp("ns", tz="UTC")
        return getattr(self._arrow, _TYPES[column.type])()


def _told(column: Column[_T], value: CellValue) -> CellValue:
    is_beyond = column.type == "time" and isinstance(value, int) and value > _MAX_TIME
    return None if is_beyond else value
