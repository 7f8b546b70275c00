"""Reads for exports: server-side cursors in one snapshot each, over a small pool of their own. See ``storage.export``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Generic, LiteralString, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncServerCursor
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from storage.api import Statement
from storage.decision_reader import DecisionFilter
from storage.export import TraceSelection
from storage.interaction_reader import InteractionFilter
from storage.postgres import decision_reader, interaction_reader
from storage.postgres.decision_row import decision_of
from storage.postgres.error import translated
from storage.postgres.interaction_row import interaction_of
from storage.postgres.read_pool import configure_reading
from storage.postgres.reader import decode_spans
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row, decode_resources, decode_scopes, origins_of
from tracedata import Decision, Interaction, Resource, RetryableError, Scope, Span
from tracedata.interaction import MAX_TEXT_CHARS

_T = TypeVar("_T")

_RAW = load_statements("export.sql")
_ENTRIES = load_statements("reader.sql")
_ACTION = "export"
# So many traces are looked up in one statement.
_TRACES_AT_ONCE = 100
# So many rows are in memory at a time; fewer while they are large, and at first, when nobody knows: one can have megabytes.
_FIRST_ROWS = 2
_MOST_ROWS = 200
_PORTION_BYTES = 2 * 1024 * 1024
# Entries of the dictionaries that are remembered; most spans share a few.
_MAX_ENTRIES = 1_000
# The server gives up on a session that waits after we should have done so.
_SLACK = 2.0


def _whole(name: str, parts: Mapping[str, LiteralString]) -> LiteralString:
    statement = _RAW[name]
    for part in ("columns", "matches"):
        statement = statement.replace(f"{{{part}}}", parts[part])
    return statement


_OF_INTERACTIONS = interaction_reader.STATEMENTS
_OF_DECISIONS = decision_reader.STATEMENTS
STATEMENTS = {
    "spans": _RAW["spans"],
    "interactions": _OF_INTERACTIONS["oldest"],
    "interaction_count": _whole("interaction_count", _OF_INTERACTIONS),
    "decisions": _whole("decisions", _OF_DECISIONS),
    "decision_count": _whole("decision_count", _OF_DECISIONS),
}


class ExportConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of exports: how many run at a time, how long one statement may take, how long a reader may keep one waiting."""

    dsn: str
    max_connections: int = 2
    statement_timeout_s: float = 600.0
    stall_timeout_s: float = 60.0
    connect_timeout_s: float = 5.0
    application_name: str = "relayscope-export"

    @property
    def options(self) -> str:
        """Settings of the sessions. Plans are made for all rows, not for the first ones, and leave the other cores alone."""
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": int(self.statement_timeout_s * 1000),
            "idle_in_transaction_session_timeout": int(self.stall_timeout_s * _SLACK * 1000),
            "cursor_tuple_fraction": 1.0,
            "max_parallel_workers_per_gather": 0,
            "jit": "off",
        }
        return " ".join(f"-c {name}={value}" for name, value in settings.items())


class _Exported(Generic[_T]):
    """See ``storage.export.Exported``."""

    def __init__(self, portions: AsyncIterator[Sequence[_T]], *, expected: int | None) -> None:
        self._portions = portions
        self.expected = expected

    def portions(self) -> AsyncIterator[Sequence[_T]]:
        return self._portions


class PostgresExportReader:
    """See ``storage.export.ExportReader``."""

    def __init__(self, config: ExportConfig) -> None:
        self._config = config
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] | None = None

    async def start(self) -> None:
        """Opens the pool; the database need not answer yet."""
        config = self._config
        self._pool = AsyncConnectionPool(
            config.dsn,
            kwargs={
                "autocommit": True,
                "row_factory": namedtuple_row,
                "connect_timeout": max(1, int(config.connect_timeout_s)),
                "client_encoding": "utf8",
                "application_name": config.application_name,
                "prepare_threshold": None,
                "options": config.options,
            },
            configure=configure_reading,
            check=AsyncConnectionPool.check_connection,
            min_size=0,
            max_size=config.max_connections,
            timeout=config.connect_timeout_s,
            open=False,
        )
        await self._pool.open()

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def spans(self, selection: TraceSelection) -> AsyncIterator[_Exported[Span]]:
        """See ``ExportReader.spans``. One cursor walks through the traces, another one through the spans of some of them."""
        async with self._snapshot() as connection, connection.cursor(name="export_traces") as traces:
            with translated(_ACTION):
                await _open(traces, selection.traces())
                await connection.execute(_RAW["by_index"])
                first = await traces.fetchmany(_TRACES_AT_ONCE)
            expected = int(first[0].spans) if first else 0
            async with aclosing(_spans(connection, traces, first, selection)) as portions:
                yield _Exported(portions, expected=None if selection.is_filtered and first else expected)

    @asynccontextmanager
    async def interactions(self, where: InteractionFilter) -> AsyncIterator[_Exported[Interaction]]:
        """See ``ExportReader.interactions``."""
        place = dict.fromkeys(("after_start", "after_trace_id", "after_span_id", "limit"))
        parameters = {**interaction_reader.filter_parameters(where), **place, "text_chars": MAX_TEXT_CHARS}
        async with self._listed("interactions", "interaction_count", parameters, interaction_of) as exported:
            yield exported

    @asynccontextmanager
    async def decisions(self, where: DecisionFilter) -> AsyncIterator[_Exported[Decision]]:
        """See ``ExportReader.decisions``."""
        parameters = decision_reader.filter_parameters(where)
        async with self._listed("decisions", "decision_count", parameters, decision_of) as exported:
            yield exported

    @asynccontextmanager
    async def _listed(
        self, rows: str, count: str, parameters: Mapping[str, object], decode: Callable[[Row], _T]
    ) -> AsyncIterator[_Exported[_T]]:
        async with self._snapshot() as connection, connection.cursor(name="export_rows") as cursor:
            with translated(_ACTION):
                counted = await (await connection.execute(STATEMENTS[count], parameters)).fetchall()
                await connection.execute(_RAW["by_index"])
                await cursor.execute(STATEMENTS[rows], parameters, binary=True)
            async with aclosing(_decoded(cursor, decode)) as portions:
                yield _Exported(portions, expected=counted[0].items)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection[Row]]:
        """A connection in a transaction that sees one state of the database."""
        assert self._pool is not None, "start comes first"  # noqa: S101 - a mistake of the caller, not of a user
        pool = self._pool
        try:
            connection = await pool.getconn()
        except PoolTimeout as exc:
            raise RetryableError(
                f"{_ACTION}: {self._config.max_connections} exports are running already, or the database does not answer; "
                "try again later"
            ) from exc
        try:
            with translated(_ACTION):
                await connection.execute(_RAW["begin"])
            yield connection
        finally:
            with contextlib.suppress(psycopg.Error):
                await connection.execute(_RAW["end"])
            await pool.putconn(connection)


async def _open(cursor: AsyncServerCursor[Row], statement: Statement) -> None:
    await cursor.execute(statement.sql.encode(), statement.parameters, binary=True)


async def _spans(
    connection: AsyncConnection[Row],
    traces: AsyncServerCursor[Row],
    rows: Sequence[Row],
    selection: TraceSelection,
) -> AsyncGenerator[Sequence[Span], None]:
    # Whoever leaves early closes this before the connection is used for anything else.
    origins = _Origins(connection, selection.workspace_id)
    pace = _Pace()
    while rows:
        trace_ids = await _meant(connection, selection, [row.trace_id for row in rows])
        if trace_ids:
            parameters = {"workspace_id": selection.workspace_id, "trace_ids": trace_ids}
            async with connection.cursor(name="export_spans") as cursor:
                with translated(_ACTION):
                    await cursor.execute(STATEMENTS["spans"], parameters, binary=True)
                async for part in pace.portions(cursor):
                    resources, scopes = await origins.of(part)
                    yield await asyncio.to_thread(decode_spans, part, resources=resources, scopes=scopes)
        with translated(_ACTION):
            rows = await traces.fetchmany(_TRACES_AT_ONCE)


async def _meant(
    connection: AsyncConnection[Row], selection: TraceSelection, trace_ids: Sequence[bytes]
) -> Sequence[bytes]:
    statement = selection.matches(trace_ids)
    if statement is None:
        return trace_ids
    with translated(_ACTION):
        cursor = connection.cursor(binary=True)
        await cursor.execute(statement.sql.encode(), statement.parameters)
        matched = {row.trace_id for row in await cursor.fetchall()}
    return [trace_id for trace_id in trace_ids if trace_id in matched]


async def _decoded(cursor: AsyncServerCursor[Row], decode: Callable[[Row], _T]) -> AsyncGenerator[Sequence[_T], None]:
    async for part in _Pace().portions(cursor):
        yield await asyncio.to_thread(_each, part, decode)


def _each(rows: Sequence[Row], decode: Callable[[Row], _T]) -> Sequence[_T]:
    return [decode(row) for row in rows]


class _Pace:
    """How many rows come at a time in one export: as many as fit into ``_PORTION_BYTES``, judged by those before."""

    def __init__(self) -> None:
        self._rows = _FIRST_ROWS

    async def portions(self, cursor: AsyncServerCursor[Row]) -> AsyncIterator[Sequence[Row]]:
        """All rows of a cursor, portion by portion. The next cursor goes on at this pace."""
        while True:
            wanted = self._rows
            with translated(_ACTION):
                rows = await cursor.fetchmany(wanted)
            if rows:
                yield rows
                fitting = _PORTION_BYTES * len(rows) // max(1, sum(map(_size, rows)))
                self._rows = max(1, min(fitting, 2 * wanted, _MOST_ROWS))
            if len(rows) < wanted:
                return


def _size(row: Row) -> int:
    return sum(len(field) for field in row if isinstance(field, (bytes, str)))


class _Origins:
    """Resources and scopes of spans, read once for most."""

    def __init__(self, connection: AsyncConnection[Row], workspace_id: int) -> None:
        self._connection = connection
        self._workspace_id = workspace_id
        self._resources: dict[int, Resource] = {}
        self._scopes: dict[int, Scope] = {}

    async def of(self, rows: Sequence[Row]) -> tuple[Mapping[int, Resource], Mapping[int, Scope]]:
        """Those that rows refer to, by id, among others."""
        if max(len(self._resources), len(self._scopes)) > _MAX_ENTRIES:
            self._resources, self._scopes = {}, {}
        resource_ids, scope_ids = origins_of(rows)
        if missing := [one for one in resource_ids if one not in self._resources]:
            self._resources |= decode_resources(await self._entries("resources", missing))
        if missing := [one for one in scope_ids if one not in self._scopes]:
            self._scopes |= decode_scopes(await self._entries("scopes", missing))
        return self._resources, self._scopes

    async def _entries(self, name: str, ids: Sequence[int]) -> Sequence[Row]:
        with translated(_ACTION):
            cursor = self._connection.cursor(binary=True)
            await cursor.execute(_ENTRIES[name], {"workspace_id": self._workspace_id, "ids": ids})
            return await cursor.fetchall()
