"""Reading over a pool of read-only connections, in PostgreSQL's binary format; what the readers of all signals share."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import LiteralString, NamedTuple, ParamSpec, Protocol, TypeVar

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
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row, decode_resources, decode_scopes, origins_of
from tracedata import Resource, Scope

_STATEMENTS = load_statements("reader.sql")
# A partition has no statistics until autovacuum has seen it, and it is the newest one that everybody asks for. What the
# planner must not guess then is said: few rows are found by an index.
BY_INDEX = _STATEMENTS["by_index"]
BY_KEY = _STATEMENTS["by_key"]
_INT64 = struct.Struct("!q")
_RECONNECT_S = 2.0

# So many rows are taken over before the event loop gets its turn: about a millisecond.
ROWS_AT_ONCE = 200

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class ReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the reader: connections, and how long a query may take."""

    dsn: str
    max_connections: int = 8
    connect_timeout_s: float = 5.0
    statement_timeout_s: float = 30.0
    application_name: str = "relayscope-reader"


class Asked(NamedTuple):
    """A statement with what it is given."""

    statement: LiteralString | bytes
    parameters: Mapping[str, object]


class _MicrosecondLoader(Loader):
    """Timestamps as Unix microseconds: ``datetime`` would cost more and say less."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        return int(_INT64.unpack(data)[0]) + PG_EPOCH_US


class ReadPool:
    """Connections for reading, and a thread for decoding. Readers share it; whoever made it starts and closes it."""

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None
        # One thread: several would only take the interpreter from the event loop, each for longer.
        self._decoder: ThreadPoolExecutor | None = None

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
        self._decoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="span-decoder")
        await self._pool.open()

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        if self._decoder is not None:
            self._decoder.shutdown(wait=False, cancel_futures=True)
            self._decoder = None

    async def origins(
        self, workspace_id: int, rows: Sequence[Row]
    ) -> tuple[Mapping[int, Resource], Mapping[int, Scope]]:
        """The dictionary entries that rows refer to, by id."""
        resource_ids, scope_ids = await self.aside(origins_of, rows)
        wanted = {"resources": resource_ids, "scopes": scope_ids}
        resources, scopes = await self.fetch_all(
            [Asked(_STATEMENTS[name], {"workspace_id": workspace_id, "ids": ids}) for name, ids in wanted.items()],
            action="trace",
        )
        return decode_resources(resources), decode_scopes(scopes)

    async def fetch_kept(
        self,
        spans: Sequence[Asked],
        kept: Sequence[Asked],
        *,
        traces: tuple[int, Sequence[bytes]],
        action: str,
        planning: LiteralString,
    ) -> Sequence[Sequence[Row]]:
        """Rows of statements about the traces of a workspace with some ids: of ``spans``, or of ``kept``, which ask the archive as well.

        The latter only when it has one of the traces: a statement that looks into both places takes three times as long to plan.
        """
        workspace_id, trace_ids = traces
        has_archived = Asked(_STATEMENTS["has_archived"], {"workspace_id": workspace_id, "trace_ids": list(trace_ids)})
        ((row,), *rows) = await self.fetch_all([has_archived, *spans], action=action, planning=planning)
        return await self.fetch_all(kept, action=action, planning=planning) if row.is_so else rows

    async def aside(
        self, work: Callable[_Parameters, _Result], *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> _Result:
        """Does heavy work beside the event loop."""
        assert self._decoder is not None, "start comes first"  # noqa: S101 - a mistake of the caller, not of a user
        return await asyncio.get_running_loop().run_in_executor(self._decoder, partial(work, *args, **kwargs))

    async def fetch(
        self,
        statement: LiteralString | bytes,
        parameters: Mapping[str, object],
        *,
        action: str,
        planning: LiteralString | None = None,
    ) -> Sequence[Row]:
        """Runs one statement; ``planning`` is a setting for it, sent along without a round trip of its own."""
        (rows,) = await self.fetch_all([Asked(statement, parameters)], action=action, planning=planning)
        return rows

    async def fetch_all(
        self, asked: Sequence[Asked], *, action: str, planning: LiteralString | None = None
    ) -> Sequence[Sequence[Row]]:
        """Runs several statements in one round trip; the rows of each."""
        assert self._pool is not None, "start comes first"  # noqa: S101 - a mistake of the caller, not of a user
        with translated(action):
            async with self._pool.connection() as connection, connection.pipeline(), connection.transaction():
                if planning is not None:
                    await connection.execute(planning)
                cursors = [connection.cursor(binary=True) for _ in asked]
                for cursor, (statement, parameters) in zip(cursors, asked, strict=True):
                    await cursor.execute(statement, parameters)
                return [await _rows_in_turns(cursor) for cursor in cursors]

    @asynccontextmanager
    async def snapshot(self, beginning: LiteralString, *, action: str) -> AsyncIterator[Ask]:
        """Several statements in one transaction, which begins with ``beginning``: statements without parameters."""
        assert self._pool is not None, "start comes first"  # noqa: S101 - a mistake of the caller, not of a user
        with translated(action):
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute(beginning)

                async def ask(statement: LiteralString, parameters: Mapping[str, object]) -> Sequence[Row]:
                    cursor = connection.cursor(binary=True)
                    await cursor.execute(statement, parameters)
                    return await _rows_in_turns(cursor)

                yield ask


class Ask(Protocol):
    """Runs one statement in the transaction of a snapshot."""

    async def __call__(self, statement: LiteralString, parameters: Mapping[str, object]) -> Sequence[Row]: ...


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


def _undecoded(data: str | bytes) -> bytes:
    """The text of a jsonb value, whose types only we know."""
    return data.encode() if isinstance(data, str) else data
