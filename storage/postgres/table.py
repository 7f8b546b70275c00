"""Tables that groups are written to: rows of PostgreSQL's binary COPY format go in, of all tables in one transaction.

Rows are self-contained byte strings in the order of their table's columns, so groups can be joined, split and sent again
without encoding anything twice.

Source: https://www.postgresql.org/docs/current/sql-copy.html, section "Binary Format".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from psycopg import AsyncConnection, errors, sql

from storage.postgres.error import ROW_ERRORS

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
_PIECE_BYTES = 1 << 20


class Table:
    """A table of the schema, and how rows get into it. Equal by identity only: there is one of each.

    ``columns`` is the order of the values in a row. ``identity`` are the columns of the unique index by which a row that
    comes again is recognised, in their order, so that two writers never wait for each other in a circle; a table without
    one takes every row.
    """

    def __init__(self, name: str, columns: Sequence[str], *, identity: Sequence[str] = ()) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.identity = tuple(identity)
        table, staging = sql.Identifier("relayscope", name), sql.Identifier(f"{name}_staging")
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        order = sql.SQL(", ").join(map(sql.Identifier, identity))
        self._copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names)
        self._copy_staging = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(staging, names)
        # Its columns only: what the table fills in by itself is filled in when the rows go there.
        self._make_staging = sql.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
        ).format(staging, names, table)
        self._from_staging = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY {} ON CONFLICT DO NOTHING").format(
            table, names, names, staging, order
        )

    async def copy(self, connection: AsyncConnection, rows: Sequence[bytes]) -> None:
        """Stores new rows, in the transaction of the caller; raises ``UniqueViolation`` when one is stored already."""
        await _copy(connection, self._copy, rows)

    async def merge(self, connection: AsyncConnection, rows: Sequence[bytes]) -> None:
        """Stores those rows that are not stored yet, in the transaction of the caller. Takes longer."""
        if not self.identity:
            await self.copy(connection, rows)
            return
        await connection.execute(self._make_staging)
        await _copy(connection, self._copy_staging, rows)
        await connection.execute(self._from_staging)


# By table. Those that come first are written first.
Rows: TypeAlias = Mapping[Table, Sequence[bytes]]
# What belongs into the transaction of the rows, after them.
Ending: TypeAlias = Callable[[AsyncConnection], Awaitable[None]]


async def _nothing_more(_: AsyncConnection) -> None:
    """The end."""


async def copy_rows(connection: AsyncConnection, rows: Rows, *, ending: Ending = _nothing_more) -> None:
    """Stores new rows in one transaction; raises ``UniqueViolation`` when one is stored already."""
    async with connection.transaction():
        for table, ones in rows.items():
            if ones:
                await table.copy(connection, ones)
        await ending(connection)


async def insert_rows(
    connection: AsyncConnection, rows: Rows, *, again: Rows | None = None, ending: Ending = _nothing_more
) -> None:
    """Stores what is not stored yet, in one transaction. The fast path is a plain COPY; the detour is for rows of which some are stored already.

    ``again`` is what is stored in place of ``rows`` on the detour.
    """
    try:
        await copy_rows(connection, rows, ending=ending)
    except (errors.UniqueViolation, errors.InternalError_):
        # Citus reports what a node refuses in COPY as an internal error. An error of another kind comes up again here.
        async with connection.transaction():
            for table, ones in (rows if again is None else again).items():
                if ones:
                    await table.merge(connection, ones)
            await ending(connection)


async def insert_all_but_the_bad(connection: AsyncConnection, rows: Rows) -> dict[Table, int]:
    """Stores what can be stored, halving until the bad rows stand alone; returns how many those are, by table.

    What is good travels in several transactions then.
    """
    pairs = [(table, row) for table, ones in rows.items() for row in ones]
    bad: dict[Table, int] = {}
    for table in await _bad_tables(connection, pairs):
        bad[table] = bad.get(table, 0) + 1
    return bad


async def _bad_tables(connection: AsyncConnection, pairs: Sequence[tuple[Table, bytes]]) -> list[Table]:
    """The table of every row that cannot be stored."""
    rows: dict[Table, list[bytes]] = {}
    for table, row in pairs:
        rows.setdefault(table, []).append(row)
    try:
        await insert_rows(connection, rows)
    except ROW_ERRORS:
        if len(pairs) == 1:
            return [pairs[0][0]]
    else:
        return []
    middle = len(pairs) // 2
    return await _bad_tables(connection, pairs[:middle]) + await _bad_tables(connection, pairs[middle:])


async def _copy(connection: AsyncConnection, statement: sql.Composed, rows: Sequence[bytes]) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for piece in _pieces(rows):
            await copy.write(piece)


def _pieces(rows: Sequence[bytes]) -> Iterator[bytes]:
    """The rows as COPY takes them. Few writes are faster than many; all in one would be a second copy of the group."""
    piece, size = [COPY_HEADER], 0
    for row in rows:
        piece.append(row)
        size += len(row)
        if size >= _PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join((*piece, COPY_TRAILER))
