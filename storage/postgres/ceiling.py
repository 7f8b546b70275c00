"""What PostgreSQL can do at best on this machine: the denominator of the ingest benchmark.

Rows that are encoded beforehand go through one connection into the real tables with all their indexes, by binary COPY,
a transaction a group. No decoding, no network, no dictionary: nothing that an ingest path could ever leave out remains.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from psycopg import sql

from storage.postgres.chunk import CHUNK_TABLE, encode_chunks
from storage.postgres.connection import connect
from storage.postgres.dictionary import Dictionary, Entries
from storage.postgres.error import translated
from storage.postgres.parcel import SPAN_TABLE, hour_of_span
from storage.postgres.partition import Partitions
from storage.postgres.row import encode_row, integer_field, origin_of
from storage.postgres.statement import load_statements
from storage.postgres.table import Rows, copy_rows
from tracedata import Span

_STATEMENTS = load_statements("ceiling.sql")


class Ceiling:
    """Encodes on construction, writes in ``measure``; ``reset`` empties the tables, ``size`` says how large they are."""

    def __init__(self, dsn: str, spans: Sequence[Span], *, workspace_id: int, group_rows: int) -> None:
        self._dsn = dsn
        self._entries = Entries()
        self._hours = {hour_of_span(span) for span in spans}
        self._groups = [
            self._group(spans[start : start + group_rows], workspace_id=workspace_id, chunk=start)
            for start in range(0, len(spans), group_rows)
        ]

    def _group(self, spans: Sequence[Span], *, workspace_id: int, chunk: int) -> Rows:
        rows: list[bytes] = []
        for span in spans:
            origin = origin_of(span.resource, span.scope, workspace_id=workspace_id)
            self._entries.add_origin(span.resource, span.scope, origin)
            rows.append(encode_row(span, origin, chunk=integer_field(chunk)))
        return {CHUNK_TABLE: encode_chunks(spans, workspace_id=workspace_id, chunk=chunk), SPAN_TABLE: rows}

    async def measure(self) -> float:
        """Rows per second, commits included."""
        with translated("ceiling"):
            async with await connect(self._dsn, autocommit=True) as connection:
                await Partitions().ensure(connection, self._hours)
                await Dictionary().ensure(connection, self._entries)
                start = time.perf_counter()
                for group in self._groups:
                    await copy_rows(connection, group)
                return sum(len(group[SPAN_TABLE]) for group in self._groups) / (time.perf_counter() - start)


async def reset(dsn: str) -> None:
    """Empties the spans table and writes everything out, so that every measurement starts alike."""
    with translated("reset"):
        async with await connect(dsn, autocommit=True) as connection:
            await connection.execute(_STATEMENTS["empty"])
            await connection.execute(_STATEMENTS["settle"])


async def gather_statistics(dsn: str) -> None:
    """Tells the planner what is stored, partition by partition, as autovacuum does within minutes of a load."""
    with translated("statistics"):
        async with await connect(dsn, autocommit=True) as connection:
            leaves = await (await connection.execute(_STATEMENTS["leaves"])).fetchall()
            for (name,) in leaves:
                await connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(name)))


async def stored(dsn: str) -> tuple[int, int]:
    """Spans in the table, and the bytes they take with indexes and TOAST."""
    with translated("size"):
        async with await connect(dsn, autocommit=True) as connection:
            row = await (await connection.execute(_STATEMENTS["stored"])).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
