"""Reads everything in which a value can stand, a row at a time, whatever tables there are.

Tables and columns come from the catalog, so that a table that is added later is not forgotten. A server-side cursor
reads each table as it is at one moment; PostgreSQL puts values together that lie in TOAST.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import dict_row, tuple_row

from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("redaction.sql")
_FETCH_ROWS = 100
# The first of these that a table has tells when what is found came.
_TIMES = ("start_time", "time", "first_seen", "created_at", "at", "started_at", "applied_at")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# Of plain values; of others PostgreSQL's own text is looked at.
_PLAIN = frozenset(("text", "varchar", "bpchar", "name", "json", "jsonb", "bytea", "_text"))


class StoredTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table or partition, and its columns that can hold text; a type is none where a column cannot.

    ``shown_name`` is that of the whole table of which a partition is a part.
    """

    schema_name: str
    table_name: str
    shown_name: str
    expected_rows: int
    columns: Sequence[str]
    types: Sequence[str | None]
    time_column: str | None
    workspace_column: str | None

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema_name, self.table_name)


class StoredRow(msgspec.Struct, frozen=True, kw_only=True):
    """Values in the order of the table's columns; ``time_us`` is the row's time in Unix microseconds.

    A value is a string, bytes, a list of strings, or none; jsonb is the bytes of its text. ``workspace_id`` is none in
    tables that belong to no workspace.
    """

    values: Sequence[Any]  # Any: as the columns are
    workspace_id: int | None = None
    time_us: int | None = None


async def stored_tables(connection: AsyncConnection[Any], *, dumped: bool = False) -> Sequence[StoredTable]:
    """Tables that hold text: those of our schema, or all that a logical dump of the database holds."""
    cursor = connection.cursor(row_factory=dict_row)
    statement = _STATEMENTS["dumped_tables" if dumped else "tables"]
    rows = await (await cursor.execute(statement, None if dumped else {"times": list(_TIMES)})).fetchall()
    return [StoredTable(**row) for row in rows if row["columns"]]


async def stored_rows(connection: AsyncConnection[Any], table: StoredTable) -> AsyncIterator[StoredRow]:
    """All rows as they are now; none when the table is gone. Needs autocommit and ``configure_reading``."""
    fields = [_field(name, kind) for name, kind in zip(table.columns, table.types, strict=True)]
    about = [sql.Identifier(name) if name else sql.SQL("NULL") for name in (table.time_column, table.workspace_column)]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join([*about, *fields]), table.identifier)
    async with connection.transaction():
        await connection.execute(_STATEMENTS["look_only"])
        cursor = connection.cursor("stored_rows", row_factory=tuple_row)
        try:
            await cursor.execute(query, binary=True)
        except errors.UndefinedTable:
            # Retention has dropped it since, or a partition was detached.
            return
        async with cursor:
            while rows := await cursor.fetchmany(_FETCH_ROWS):
                for row in rows:
                    yield StoredRow(values=row[2:], time_us=row[0], workspace_id=row[1])


async def dumped_rows(connection: AsyncConnection[Any], table: StoredTable) -> AsyncIterator[StoredRow]:
    """All rows as a logical dump writes them: by COPY, in text. Columns that hold numbers or times give none."""
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    query = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, table.identifier)
    workspace = table.columns.index(table.workspace_column) if table.workspace_column else None
    async with connection.cursor(row_factory=tuple_row) as cursor, cursor.copy(query) as copy:
        # psycopg gives one row at a time.
        async for line in copy:
            fields = bytes(line).decode().removesuffix("\n").split("\t")
            values = [_dumped(*pair) for pair in zip(fields, table.types, strict=True)]
            yield StoredRow(values=values, workspace_id=None if workspace is None else int(fields[workspace]))


async def schema_texts(connection: AsyncConnection[Any]) -> AsyncIterator[tuple[str, str, str, str]]:
    """Source, place, type and text of what a database holds beside rows: comments, functions, views, statistics."""
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(_STATEMENTS["schema_texts"])
    async for source, place, kind, text in cursor:
        yield source, place, kind, text


def _field(name: str, kind: str | None) -> sql.Composable:
    return sql.Identifier(name) if kind in _PLAIN else sql.SQL("{}::text").format(sql.Identifier(name))


def _dumped(field: str, kind: str | None) -> str | bytes | None:
    if kind is None or field == r"\N":
        return None
    text = unescaped(field)
    if kind == "bytea":
        return bytes.fromhex(text.removeprefix(r"\x"))
    return text.encode() if kind in {"json", "jsonb"} else text


def unescaped(field: str) -> str:
    r"""A field of COPY's text format without its backslashes.

    Source: https://www.postgresql.org/docs/current/sql-copy.html, section "Text Format".
    """
    first, *rest = field.split("\\")
    parts = [first]
    pending = iter(rest)
    for part in pending:
        if part:
            parts.append(_ESCAPES.get(part[0], part[0]) + part[1:])
            continue
        # Two backslashes stand for one, and what follows the second is plain.
        parts.append("\\" + next(pending, ""))
    return "".join(parts)
