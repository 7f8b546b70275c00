"""Work that one process does for all that share a database: whoever holds a session's advisory lock leads.

All work goes through the connection that holds the lock, so who has lost the one cannot act on the other; its end is what
frees the lock, and another process takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from logging import Logger
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection

from storage.postgres.connection import write_times_plainly
from storage.postgres.error import describe, place_of
from storage.postgres.statement import load_statements
from tracedata import RelayscopeError

_STATEMENTS = load_statements("leadership.sql")

# Who works chooses what its rows are.
Connection = AsyncConnection[Any]


class LeadershipConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is led, and how it is told of.

    ``lock`` names the advisory lock, ``task`` the asyncio task. ``subject`` begins the log line of what nobody foresaw,
    ``waiting`` the one of what passes: the errors of the database, and those of ours that are ``foreseen``. ``retry_s`` is
    the pause of who does not lead, or cannot reach the database.
    """

    lock: str
    task: str
    subject: str
    waiting: str
    retry_s: float
    foreseen: tuple[type[RelayscopeError], ...] = ()


class Leadership:
    """Starts at once whether or not the database answers, and tries for ever to lead.

    ``connected`` gives a connection and closes it, ``serve`` works with it for as long as this process leads.
    """

    def __init__(
        self,
        config: LeadershipConfig,
        *,
        connected: Callable[[], AbstractAsyncContextManager[Connection]],
        serve: Callable[[Connection], Awaitable[None]],
        log: Logger,
    ) -> None:
        self._config = config
        self._connected = connected
        self._serve = serve
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._is_leader = False

    @property
    def is_leader(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._is_leader

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self._config.task)

    async def aclose(self) -> None:
        """Ends at once. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def try_to_lead(self, connection: Connection) -> bool:
        """Whether the session of this connection leads from now on."""
        row = await (await connection.execute(_STATEMENTS["try_to_lead"], {"lock": self._config.lock})).fetchone()
        return bool(row and row[0])

    async def _run(self) -> None:
        while True:
            try:
                async with self._connected() as connection:
                    await self._lead(connection)
            except psycopg.Error as exc:
                self._log.warning("%s: %s", self._config.waiting, describe(exc))
            except self._config.foreseen as exc:
                self._log.warning("%s: %s", self._config.waiting, exc)
            except Exception as exc:  # noqa: BLE001 - the top of a task
                self._log.error("%s failed unexpectedly: %s", self._config.subject, place_of(exc))
            await asyncio.sleep(self._config.retry_s)

    async def _lead(self, connection: Connection) -> None:
        # Asked again and again instead of waited for: a statement that waits for days would keep the server from
        # cleaning up after everyone else.
        while not await self.try_to_lead(connection):  # noqa: ASYNC110 - the other leader is another process
            await asyncio.sleep(self._config.retry_s)
        self._is_leader = True
        try:
            await self._serve(connection)
        finally:
            self._is_leader = False


@contextlib.asynccontextmanager
async def session(dsn: str, *, connect_timeout_s: int, application_name: str) -> AsyncIterator[Connection]:
    """A connection that the server gives up soon when its machine is gone."""
    connection: Connection = await AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=connect_timeout_s,
        client_encoding="utf8",
        application_name=application_name,
    )
    try:
        await write_times_plainly(connection)
        await connection.execute(_STATEMENTS["notice_lost_clients"])
        yield connection
    finally:
        # Closed rather than returned: the end of the session is what frees the lock.
        await connection.close()
