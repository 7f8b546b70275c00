"""A pool of read-only connections whose plans see the values, and whose rows are taken over without holding up others."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from storage.postgres.error import translated
from storage.postgres.row import PG_EPOCH_US

_INT64 = struct.Struct("!q")
_RECONNECT_S = 2.0

# So many rows are taken over before the event loop gets its turn: about a millisecond.
ROWS_AT_ONCE = 200

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any


class ReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a reader: connections, and how long a query may take."""

    dsn: str
    max_connections: int = 8
    connect_timeout_s: float = 5.0
    statement_timeout_s: float = 30.0
    application_name: str = "relayscope-reader"


class ReadingPool:
    """Connections that only read."""

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None

    async def start(self) -> None:
        """Opens the pool; the database need not answer yet."""
        timeout_ms = int(self._config.statement_timeout_s * 1000)
        self._pool = AsyncConnectionPool(
            self._config.dsn,
            kwargs={
                "autocommit": True,
                "row_factory": namedtuple_row,
                "connect_timeout": max(1, int(self._config.connect_timeout_s)),
                "client_encoding": "utf8",
                "application_name": self._config.application_name,
                # A plan must see the values: partitions are pruned and selectivities differ by them.
                "prepare_threshold": None,
                "options": f"-c default_transaction_read_only=on -c statement_timeout={timeout_ms}",
            },
            configure=configure_reading,
            check=AsyncConnectionPool.check_connection,
            min_size=1,
            max_size=self._config.max_connections,
            timeout=self._config.connect_timeout_s,
            # The pool doubles its pauses for as long as this allows; after that, every request makes it try again.
            # With the pool's own five minutes, reads would stay away for as long as the database was.
            reconnect_timeout=_RECONNECT_S,
            open=False,
        )
        await self._pool.open()

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def fetch(
        self,
        statement: LiteralString | bytes,
        parameters: Mapping[str, object],
        *,
        action: str,
        planning: LiteralString | None = None,
    ) -> Sequence[Row]:
        """Runs one statement; ``planning`` is a setting for it, sent along without a round trip of its own.

        Raises:
            RelayscopeError: the database cannot be reached or asked; the message names the action.
        """
        assert self._pool is not None, "start comes first"  # noqa: S101 - a mistake of the caller, not of a user
        with translated(action):
            async with self._pool.connection() as connection, connection.pipeline(), connection.transaction():
                if planning is not None:
                    await connection.execute(planning)
                cursor = connection.cursor(binary=True)
                await cursor.execute(statement, parameters)
                return await _rows_in_turns(cursor)


async def _rows_in_turns(cursor: AsyncCursor[Row]) -> Sequence[Row]:
    """All rows; other tasks have their turn between some and some."""
    rows: list[Row] = []
    while len(part := await cursor.fetchmany(ROWS_AT_ONCE)) == ROWS_AT_ONCE:
        rows += part
        await asyncio.sleep(0)
    return rows + part


async def configure_reading(connection: AsyncConnection[Row]) -> None:
    """Lets a session give times as Unix microseconds and jsonb as its text, as decoding here expects."""
    set_json_loads(_undecoded, connection)
    connection.adapters.register_loader("timestamptz", _MicrosecondLoader)


class _MicrosecondLoader(Loader):
    """Timestamps as Unix microseconds: ``datetime`` would cost more and say less."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return int(_INT64.unpack(data)[0]) + PG_EPOCH_US


def _undecoded(data: str | bytes) -> bytes:
    """The text of a jsonb value, whose types only we know."""
    return data.encode() if isinstance(data, str) else data
