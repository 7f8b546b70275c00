"""Runs SQL of users, as the role of their workspace, over connections of its own. See ``storage.sql`` and docs/adr/0014."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.session_memory import private_bytes
from storage.postgres.sql_error import failure_of
from storage.postgres.sql_value import ADAPTERS, Row, columns_of
from storage.postgres.statement import load_statements
from storage.postgres.workspace_role import RoleBounds, RoleOrder, WorkspaceRole, ensure_role
from storage.sql import Cell, SqlColumn, SqlFailure, SqlStatement, View, ViewColumn
from tracedata import RelayscopeError, RetryableError

_log = logging.getLogger(__name__)
_STATEMENTS = load_statements("workspace_role.sql")
# So many rows, or bytes, are handed on at once.
_CHUNK_ROWS = 500
_CHUNK_BYTES = 1 << 18
# What a cell costs besides what is in it: its mark, and its place in memory.
_CELL_BYTES = 8
# A value's text can be so many times as long as the value is stored: texts that are packed, numbers with an exponent.
_MOST_TEXT = 1024
# The session's own timer should fire first; then a cancel from outside; then the session ends.
_GRACE_S = 1.0
_POLL_S = 5.0
# A query can fill some hundred megabytes a second.
_LOOK_S = 0.1
_OWN_POLL_S = 1.0
_HEAD = "SELECT answer.* FROM (SELECT * FROM (\n"


class SqlRunnerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``dsn`` is the owner's. ``key`` is what passwords of roles are made of.

    ``session_timeout_s`` is the server's own timer, by default the same as ``timeout_s``, which we keep from outside.
    ``memory_mb`` is kept from outside too, and only in a server of our own: PostgreSQL has no such bound.
    """

    dsn: str
    key: bytes
    first_workspace_id: int
    is_own_server: bool
    timeout_s: float = 30.0
    session_timeout_s: float | None = None
    connect_timeout_s: float = 5.0
    max_connections: int = 4
    work_mem_mb: int = 16
    memory_mb: int = 512
    temp_file_mb: int = 256
    application_name: str = "relayscope-sql"

    @property
    def bounds(self) -> RoleBounds:
        """What the sessions of a role may use."""
        return RoleBounds(
            statement_timeout_s=self.session_timeout_s or self.timeout_s,
            work_mem_mb=self.work_mem_mb,
            temp_file_mb=self.temp_file_mb,
        )

    @property
    def options(self) -> str:
        """Settings of our sessions: they hold whatever the role was given, or gave itself."""
        settings = {
            "default_transaction_read_only": "on",
            "statement_timeout": int(self.bounds.statement_timeout_s * 1000),
            "idle_in_transaction_session_timeout": int(self.timeout_s * 2000),
            "lock_timeout": 5000,
            "search_path": "telemetry,pg_temp",
            "standard_conforming_strings": "on",
            "work_mem": f"{self.work_mem_mb}MB",
            "max_parallel_workers_per_gather": 0,
            "jit": "off",
            "timezone": "UTC",
            "datestyle": "ISO,YMD",
            "intervalstyle": "postgres",
            "bytea_output": "hex",
            "extra_float_digits": 1,
        }
        return " ".join(f"-c {name}={value}" for name, value in settings.items())


class PostgresSqlRunner:
    """See ``storage.sql.SqlStore``. Roles are made when they are first needed, that of the first workspace at the start."""

    def __init__(self, config: SqlRunnerConfig) -> None:
        self._config = config
        self._roles: dict[int, WorkspaceRole] = {}
        self._pools: dict[int, AsyncConnectionPool[AsyncConnection[Row]]] = {}
        self._preparing = asyncio.Lock()
        self._janitor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Makes the first role. Where that cannot be, a warning says why, and so does every answer."""
        try:
            await self._role(self._config.first_workspace_id)
        except RelayscopeError as exc:
            _log.warning("%s", exc)
        self._janitor = asyncio.create_task(self._end_overdue(), name="sql-janitor")

    async def aclose(self) -> None:
        if self._janitor is not None:
            self._janitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._janitor
            self._janitor = None
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.close()
        self._roles = {}

    async def dsn(self, workspace_id: int) -> str:
        """See ``SqlStore.dsn``."""
        return (await self._role(workspace_id)).dsn

    async def views(self) -> Sequence[View]:
        """See ``SqlStore.views``."""
        async with await connect(self._config.dsn, autocommit=True) as connection:
            with translated("describe the views"):
                rows = await (await connection.execute(_STATEMENTS["views"])).fetchall()
        about = {view: text or "" for view, text, *_ in rows}
        columns: dict[str, list[ViewColumn]] = {}
        for view, _, name, type_name, text in rows:
            columns.setdefault(view, []).append(ViewColumn(name=name, type=type_name, description=text or ""))
        return [View(name=view, description=about[view], columns=found) for view, found in columns.items()]

    @asynccontextmanager
    async def run(self, workspace_id: int, statement: SqlStatement) -> AsyncIterator[_Rows]:
        """See ``SqlStore.run``."""
        async with self._connection(workspace_id) as connection:
            # The pool's transaction block would read the answer to the end when we leave early.
            fate = _Fate(self._config.timeout_s)
            with failure_of(ended=fate.tell, offset=len(_HEAD)):
                await connection.execute("BEGIN READ ONLY")
                watch = asyncio.create_task(self._watch(connection, fate), name="sql-watch")
                try:
                    rows = _Rows(connection, statement, ended=fate.tell)
                    await rows.open()
                    yield rows
                finally:
                    watch.cancel()
                    await rows.aclose()
                    with contextlib.suppress(psycopg.Error):
                        await connection.execute("ROLLBACK")

    @asynccontextmanager
    async def _connection(self, workspace_id: int) -> AsyncIterator[AsyncConnection[Row]]:
        pool = await self._pool(workspace_id)
        try:
            connection = await pool.getconn()
        except PoolTimeout as exc:
            # Somebody with the same role may have given it another password.
            self._roles.pop(workspace_id, None)
            raise RetryableError("SQL: all connections are busy, or the database does not answer") from exc
        try:
            yield connection
        finally:
            await pool.putconn(connection)

    async def _pool(self, workspace_id: int) -> AsyncConnectionPool[AsyncConnection[Row]]:
        role = await self._role(workspace_id)
        if (pool := self._pools.get(workspace_id)) is not None:
            return pool
        config = self._config
        pool = AsyncConnectionPool(
            role.dsn,
            kwargs={
                "autocommit": True,
                "context": ADAPTERS,
                "cursor_factory": AsyncRawCursor,
                "prepare_threshold": None,
                "client_encoding": "utf8",
                "connect_timeout": max(1, int(config.connect_timeout_s)),
                "application_name": config.application_name,
                "options": config.options,
            },
            check=AsyncConnectionPool.check_connection,
            reset=_forget,
            min_size=0,
            max_size=config.max_connections,
            max_waiting=config.max_connections * 16,
            max_idle=60.0,
            timeout=config.connect_timeout_s,
            open=False,
        )
        self._pools[workspace_id] = pool
        await pool.open()
        return pool

    async def _role(self, workspace_id: int) -> WorkspaceRole:
        if (known := self._roles.get(workspace_id)) is not None:
            return known
        async with self._preparing:
            if workspace_id not in self._roles:
                self._roles[workspace_id] = await self._ensure(workspace_id)
            return self._roles[workspace_id]

    async def _ensure(self, workspace_id: int) -> WorkspaceRole:
        config = self._config
        async with await connect(config.dsn, autocommit=True) as connection:
            with translated("make a role for SQL"):
                return await ensure_role(
                    connection,
                    RoleOrder(
                        workspace_id=workspace_id,
                        owner_dsn=config.dsn,
                        key=config.key,
                        bounds=config.bounds,
                        is_own_server=config.is_own_server,
                    ),
                )

    async def _watch(self, connection: AsyncConnection[Row], fate: _Fate) -> None:
        """Ends what the session's own timer did not end, whatever became of that, and what takes too much memory."""
        pid = connection.info.backend_pid
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.timeout_s + _GRACE_S):
                await self._outgrown(pid)
                fate.is_too_large = True
        with contextlib.suppress(psycopg.Error):
            await connection.cancel_safe(timeout=_GRACE_S)
        await asyncio.sleep(_GRACE_S)
        _log.warning("a statement of a user did not end when it was cancelled; its session is ended")
        await self._terminate(pid)

    async def _outgrown(self, pid: int) -> None:
        """Returns when a session has taken too much memory since now: it may keep some of the queries before."""
        if not self._config.is_own_server:
            await asyncio.Event().wait()
        bound = private_bytes(pid) + (self._config.memory_mb << 20)
        # Nobody tells us; it has to be looked at.
        while private_bytes(pid) <= bound:  # noqa: ASYNC110 - as above
            await asyncio.sleep(_LOOK_S)

    async def _terminate(self, pid: int) -> None:
        try:
            async with await connect(self._config.dsn, autocommit=True) as connection:
                await connection.execute(_STATEMENTS["terminate"], {"pid": pid})
        except (RelayscopeError, psycopg.Error) as exc:
            _log.error("cannot end a session of SQL: %s", type(exc).__name__)

    async def _end_overdue(self) -> None:
        """Ends sessions of the roles that keep a transaction open for too long, such as those of other programs.

        In a server of our own, also those that have twice the memory that a query may take.
        """
        seconds = self._config.timeout_s * 4
        pause = _OWN_POLL_S if self._config.is_own_server else _POLL_S
        while True:
            try:
                async with await connect(self._config.dsn, autocommit=True) as connection:
                    while True:
                        await connection.execute(_STATEMENTS["overdue"], {"seconds": seconds})
                        if self._config.is_own_server:
                            await self._end_largest(connection)
                        await asyncio.sleep(min(pause, seconds))
            except (RelayscopeError, psycopg.Error):
                # The database is away, and so are its sessions.
                await asyncio.sleep(_POLL_S)

    async def _end_largest(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        bound = self._config.memory_mb << 21
        for (pid,) in await (await connection.execute(_STATEMENTS["sessions"])).fetchall():
            if private_bytes(int(str(pid))) > bound:
                _log.warning("a session of a reader of SQL took more than %s MiB and is ended", bound >> 20)
                await connection.execute(_STATEMENTS["terminate"], {"pid": pid})


class _Fate:
    """Why a statement was ended, if it was."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.is_too_large = False

    def tell(self) -> str:
        if self.is_too_large:
            return "the query needs more memory than it may have: ask for less"
        return f"the query took longer than {self._timeout_s:g} s and was ended: bound its time, or ask for less"


class _Rows:
    """See ``storage.sql.SqlRows``."""

    def __init__(self, connection: AsyncConnection[Row], statement: SqlStatement, *, ended: Callable[[], str]) -> None:
        self._connection = connection
        self._statement = statement
        self._ended = ended
        self._stream: AsyncIterator[Row] | None = None
        self._first: Row | None = None
        self._is_cut = False
        self.columns: Sequence[SqlColumn] = ()

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    async def open(self) -> None:
        """Waits for the first row, or for the news that there is none."""
        cursor = self._connection.cursor()
        # Always the extended protocol, in which a text cannot hold a second statement; row by row, so that no more than
        # one is in memory, of which the statement bounds the size.
        self._stream = cursor.stream(_bounded(self._statement), list(self._statement.parameters))
        try:
            self._first = await anext(self._stream, None)
        except ValueError as exc:
            # A lone surrogate, or digits beyond number.
            raise SqlFailure("a parameter has a value that cannot be sent") from exc
        if self._first is None:
            await cursor.execute(_bounded(self._statement, rows=0), list(self._statement.parameters), binary=False)
        self.columns = columns_of(cursor.description or ())

    async def aclose(self) -> None:
        """Ends what still runs."""
        stream, self._stream = self._stream, None
        if stream is not None and hasattr(stream, "aclose"):
            with contextlib.suppress(psycopg.Error):
                await stream.aclose()

    async def chunks(self) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        """See ``SqlRows.chunks``."""
        with failure_of(ended=self._ended, offset=len(_HEAD)):
            rows: list[Row] = []
            count = size = pending = 0
            async for row in self._rows():
                count += 1
                # Every cell costs something: there can be many without anything in them.
                size += (cost := sum(_CELL_BYTES if cell is None else _CELL_BYTES + len(cell) for cell in row))
                if count > self._statement.max_rows or size > self._statement.max_bytes:
                    self._is_cut = True
                    break
                rows.append(row)
                pending += cost
                if len(rows) == _CHUNK_ROWS or pending > _CHUNK_BYTES:
                    yield rows
                    rows, pending = [], 0
            yield rows

    async def _rows(self) -> AsyncIterator[Row]:
        if self._first is None or self._stream is None:
            return
        yield self._first
        async for row in self._stream:
            yield row


def _bounded(statement: SqlStatement, *, rows: int | None = None) -> bytes:
    """The statement with its bounds around it. The check of a row's size comes after the limit, so that plans stay good.

    What is sent is text, which is made for the check of those rows only that are large enough to be too large.
    """
    limit = statement.max_rows + 1 if rows is None else rows
    bound = statement.max_bytes
    tail = (
        f"\n) AS statement LIMIT {limit:d}) AS answer WHERE fits(pg_column_size(answer), {bound:d}) "
        f"AND CASE WHEN pg_column_size(answer) > {bound // _MOST_TEXT:d} "
        f"THEN fits(octet_length(answer::text), {bound:d}) ELSE true END"
    )
    return (_HEAD + statement.text + tail).encode()


async def _forget(connection: AsyncConnection[Row]) -> None:
    """Puts a session back into the state in which it began."""
    await connection.execute("DISCARD ALL")
