"""Measures PostgreSQL over a connection for each time, so that scrapes take none from reads."""

from __future__ import annotations

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from storage.measurement import StoreMeasurement
from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.partition import SPANS
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("measurement.sql")


class PostgresMeterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which database."""

    dsn: str


class PostgresMeter:
    """See ``storage.measurement.StoreMeter``."""

    def __init__(self, config: PostgresMeterConfig) -> None:
        self._config = config

    async def measure(self) -> StoreMeasurement:
        async with await connect(self._config.dsn) as connection:
            with translated("measure the database"):
                return await _measure(connection)


async def _measure(connection: AsyncConnection) -> StoreMeasurement:
    await connection.execute(_STATEMENTS["limits"])
    cursor = connection.cursor(row_factory=dict_row)
    sizes = await (await cursor.execute(_STATEMENTS["sizes"], {"catch_alls": list(SPANS.catch_alls)})).fetchone()
    newest = await (await cursor.execute(_STATEMENTS["newest"])).fetchone()
    search = await (await cursor.execute(_STATEMENTS["search_index"])).fetchone()
    # Aggregates without GROUP BY have one row.
    return StoreMeasurement(**(sizes or {}), **(newest or {}), **(search or {}))
