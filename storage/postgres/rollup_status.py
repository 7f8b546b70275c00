"""How far rolling up is behind, and doing it once more, for ``relayscope rollup``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.rollup_leader import Rollup, RollupConfig
from storage.postgres.statement import load_statements
from storage.rollup import RollupStatus

_STATEMENTS = load_statements("rollup_status.sql")
_LIMIT = 100_000


class StoredRollups:
    """``storage.rollup.Rollups`` over a connection for each call."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def status(self) -> RollupStatus:
        with translated("status of rollups"):
            async with await connect(self._dsn, autocommit=True) as connection:
                return await _status(connection)

    async def mark(self, *, start: datetime, end: datetime) -> int:
        """See ``storage.rollup.Rollups``."""
        with translated("rebuild rollups"):
            async with await connect(self._dsn, autocommit=True) as connection:
                cursor = await connection.execute(_STATEMENTS["rebuild"], {"start": start, "end": end})
                row = await cursor.fetchone()
                return int(row[0]) if row else 0

    async def drain(self, *, on_progress: Callable[[RollupStatus], None], poll_s: float = 1.0) -> None:
        """See ``storage.rollup.Rollups``."""
        config = RollupConfig(dsn=self._dsn)
        # What goes on changing is left to the process that leads.
        work = asyncio.create_task(Rollup(config).drain(quiet_s=config.quiet_s), name="rollup-drain")
        try:
            while not work.done():
                on_progress(await self.status())
                await asyncio.wait([work], timeout=poll_s)
            await work
        finally:
            work.cancel()
        on_progress(await self.status())


# Any: what a connection gives follows from the statement.
async def _status(connection: AsyncConnection[Any]) -> RollupStatus:
    cursor = connection.cursor(row_factory=dict_row)
    row = await (await cursor.execute(_STATEMENTS["status"], {"limit": _LIMIT})).fetchone()
    assert row is not None, "the statement gives one row"  # noqa: S101 - for the type
    return RollupStatus(**row)
