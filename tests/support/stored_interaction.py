"""Interactions as a running system has stored them, read past its API."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from storage.postgres.interaction_row import INTERACTION_COLUMNS, interaction_of
from storage.postgres.read_pool import configure_reading
from tracedata import Interaction

_ROWS = sql.SQL("SELECT {} FROM relayscope.ai_interactions WHERE trace_id = ANY(%s) ORDER BY start_time").format(
    sql.SQL(", ").join(map(sql.Identifier, INTERACTION_COLUMNS))
)


def stored_interactions(dsn: str, trace_ids: Collection[bytes]) -> Sequence[Interaction]:
    """Those of some traces, by their start."""
    return asyncio.run(_stored(dsn, trace_ids))


async def _stored(dsn: str, trace_ids: Collection[bytes]) -> Sequence[Interaction]:
    async with await psycopg.AsyncConnection.connect(dsn, row_factory=namedtuple_row) as connection:
        await configure_reading(connection)
        cursor = await connection.execute(_ROWS, (list(trace_ids),), binary=True)
        return [interaction_of(row) for row in await cursor.fetchall()]
