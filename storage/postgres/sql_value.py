"""Values of users' answers as PostgreSQL writes them, and the parameters that they send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from psycopg import Column, postgres
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.array import ListDumper
from psycopg.types.bool import BoolDumper
from psycopg.types.none import NoneDumper
from psycopg.types.numeric import FloatDumper, IntDumper
from psycopg.types.string import StrDumperUnknown

from storage.sql import Cell, SqlColumn

Row: TypeAlias = tuple[Cell, ...]
# Of a type that the server made up, such as a record, or that an extension brought.
_OTHER = "other"
# The type of a value with no loader of its own.
_ANY_TYPE = 0


class _TextLoader(Loader):
    """Leaves a value as PostgreSQL wrote it."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(types=postgres.types)
    for kind, dumper in (
        (str, StrDumperUnknown),
        (int, IntDumper),
        (float, FloatDumper),
        (bool, BoolDumper),
        (list, ListDumper),
        (type(None), NoneDumper),
    ):
        adapters.register_dumper(kind, dumper)
    adapters.register_loader(_ANY_TYPE, _TextLoader)
    return adapters


ADAPTERS = _adapters()


def columns_of(description: Sequence[Column]) -> Sequence[SqlColumn]:
    """Names and types of an answer's columns."""
    return [SqlColumn(name=column.name, type=_type_name(column.type_code)) for column in description]


def _type_name(oid: int) -> str:
    found = postgres.types.get(oid)
    if found is None:
        return _OTHER
    return f"{found.name}[]" if oid == found.array_oid else found.name
