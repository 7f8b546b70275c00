"""Work that one process does for all that share a database: partitions made ahead, retention on schedule.

Who does it is told in ``storage.postgres.leadership``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import msgspec
from psycopg import errors

from storage.postgres.error import describe
from storage.postgres.leadership import Connection, Leadership, LeadershipConfig, session
from storage.postgres.partition import SIGNALS, Clock, Upkeep, keep_ahead, utc_now
from storage.postgres.retention import remove_all
from storage.retention import Removal

_log = logging.getLogger(__name__)


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
        self._leadership = Leadership(
            LeadershipConfig(
                lock="relayscope.maintenance",
                task="maintenance",
                subject="maintenance",
                waiting="maintenance",
                retry_s=config.retry_s,
            ),
            connected=self._connected,
            serve=self._serve,
            log=_log,
        )

    @property
    def is_leader(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._leadership.is_leader

    async def start(self) -> None:
        await self._leadership.start()

    async def aclose(self) -> None:
        """Ends at once: every step is a transaction, and another process takes over. Idempotent."""
        await self._leadership.aclose()

    def _connected(self) -> AbstractAsyncContextManager[Connection]:
        return session(
            self._config.dsn,
            connect_timeout_s=self._config.connect_timeout_s,
            application_name=self._config.application_name,
        )

    async def _serve(self, connection: Connection) -> None:
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

    async def _do_round(self, connection: Connection, *, with_retention: bool) -> Round:
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
