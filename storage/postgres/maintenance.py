"""Work that one process does for all: partitions made ahead, retention on schedule.

Whoever holds a session's advisory lock leads, over all machines that share the database. All work goes through the
connection that holds the lock, so who has lost the one cannot act on the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

import msgspec
import psycopg
from psycopg import AsyncConnection, errors

from storage.postgres.connection import write_times_plainly
from storage.postgres.error import describe, place_of
from storage.postgres.partition import SIGNALS, Clock, Upkeep, keep_ahead, utc_now
from storage.postgres.retention import remove_all
from storage.postgres.statement import load_statements
from storage.retention import Removal

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("maintenance.sql")


class MaintenanceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept up, and how often. ``periods`` says how long each signal is kept; none means for ever.

    ``retry_s`` is the pause of who does not lead, and so how long nobody leads after a leader has gone.
    """

    dsn: str
    upkeep: Upkeep = Upkeep()
    periods: dict[str, timedelta] = msgspec.field(default_factory=dict[str, timedelta])
    round_interval_s: float = 60.0
    retention_interval_s: float = 3600.0
    retry_s: float = 5.0
    connect_timeout_s: int = 5
    application_name: str = "relayscope-maintenance"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of a leader did."""

    partitions_made: int
    removals: Sequence[Removal] = ()


class Maintenance:
    """Starts at once whether or not the database answers, and tries for ever.

    ``on_round`` is called after every round that this process led.
    """

    def __init__(
        self,
        config: MaintenanceConfig,
        *,
        clock: Clock = utc_now,
        on_round: Callable[[Round], None] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._on_round = on_round
        self._task: asyncio.Task[None] | None = None
        self._is_leader = False

    @property
    def is_leader(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._is_leader

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="maintenance")

    async def aclose(self) -> None:
        """Ends at once: every step is a transaction, and another process takes over. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                async with self._connected() as connection:
                    await self._serve(connection)
            except psycopg.Error as exc:
                _log.warning("maintenance: %s", describe(exc))
            except Exception as exc:  # noqa: BLE001 - the top of a task
                _log.error("maintenance failed unexpectedly: %s", place_of(exc))
            await asyncio.sleep(self._config.retry_s)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        connection = await AsyncConnection.connect(
            self._config.dsn,
            autocommit=True,
            connect_timeout=self._config.connect_timeout_s,
            client_encoding="utf8",
            application_name=self._config.application_name,
        )
        try:
            await write_times_plainly(connection)
            await connection.execute(_STATEMENTS["notice_lost_clients"])
            yield connection
        finally:
            self._is_leader = False
            # Closed rather than returned: the end of the session is what frees the lock.
            await connection.close()

    async def _serve(self, connection: AsyncConnection) -> None:
        # Asked again and again instead of waited for: a statement that waits for days would keep the server from
        # cleaning up after everyone else.
        while not await _leads(connection):  # noqa: ASYNC110 - the other leader is another process
            await asyncio.sleep(self._config.retry_s)
        self._is_leader = True
        _log.info("this process does the maintenance of the database")
        next_retention = time.monotonic()
        while True:
            is_due = time.monotonic() >= next_retention
            if is_due:
                next_retention = time.monotonic() + self._config.retention_interval_s
            done = await self._do_round(connection, with_retention=is_due)
            if self._on_round is not None:
                self._on_round(done)
            await asyncio.sleep(self._config.round_interval_s)

    async def _do_round(self, connection: AsyncConnection, *, with_retention: bool) -> Round:
        made = 0
        for signal in SIGNALS:
            try:
                made += await keep_ahead(connection, self._config.upkeep, signal=signal, now=self._clock())
            except (errors.LockNotAvailable, errors.QueryCanceled, errors.CheckViolation) as exc:
                _log.warning("partitions of %s are made later: %s", signal.name, describe(exc))
        removals: Sequence[Removal] = ()
        if with_retention:
            removals = await remove_all(connection, self._config.periods, now=self._clock())
        return Round(partitions_made=made, removals=removals)


async def _leads(connection: AsyncConnection) -> bool:
    row = await (await connection.execute(_STATEMENTS["try_to_lead"])).fetchone()
    return bool(row and row[0])
