"""Keeps rollups up to date: one process does it for all that share a database, as ``storage.postgres.leadership`` tells.

What has changed is noted in the database by those who change it, and removed in the transaction that rolls it up, from one snapshot of
everything: so nothing is forgotten whoever dies when, and who stores more meanwhile leaves a note of their own. ADR 0016 has the reasons.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

import msgspec
from psycopg import IsolationLevel
from psycopg.rows import namedtuple_row

from storage.postgres.error import CONFLICT_ERRORS, describe, translated
from storage.postgres.leadership import Connection, Leadership, LeadershipConfig, session
from storage.postgres.rollup_roller import Roller, Unobserved
from storage.rollup import RollupInstruments

_log = logging.getLogger(__name__)


class RollupConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How often is looked for work, and how much of the time it may take.

    ``quiet_s`` is how long a time is left alone after something of it has come. ``share`` is the part of the time that is worked in, while
    there is work. ``retry_s`` is the pause of who does not lead.
    """

    dsn: str
    poll_s: float = 1.0
    quiet_s: float = 5.0
    share: float = 0.5
    retry_s: float = 5.0
    connect_timeout_s: int = 5
    application_name: str = "relayscope-rollup"


class Rollup:
    """Starts at once whether or not the database answers, and tries for ever.

    ``on_round`` is called after every round that this process led, with whether it found work.
    """

    def __init__(
        self,
        config: RollupConfig,
        *,
        instruments: RollupInstruments | None = None,
        on_round: Callable[[bool], None] | None = None,
    ) -> None:
        self._config = config
        self._instruments = instruments or Unobserved()
        self._on_round = on_round
        self._leadership = Leadership(
            LeadershipConfig(
                lock="relayscope.rollup",
                task="rollup",
                subject="rolling up",
                waiting="rolling up",
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

    async def drain(self, *, quiet_s: float = 0.0) -> None:
        """Rolls up everything that was left alone for so long. Needs no ``start``, and goes on beside one who leads.

        Raises:
            RetryableError: the database cannot be reached.
        """
        with translated("roll up"):
            async with self._connected() as connection:
                roller = Roller(instruments=self._instruments, quiet_s=quiet_s)
                await roller.prepare(connection)
                while await _despite_others(roller, connection):
                    pass

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        async with session(
            self._config.dsn,
            connect_timeout_s=self._config.connect_timeout_s,
            application_name=self._config.application_name,
        ) as connection:
            # A plan must see the values: partitions are pruned by them.
            connection.prepare_threshold = None
            connection.row_factory = namedtuple_row
            # What is read and what is removed has to be seen at one moment.
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            yield connection

    async def _serve(self, connection: Connection) -> None:
        _log.info("this process rolls up the database")
        roller = Roller(instruments=self._instruments, quiet_s=self._config.quiet_s)
        await roller.prepare(connection)
        while True:
            born = time.monotonic()
            has_worked = await _despite_others(roller, connection)
            if self._on_round is not None:
                self._on_round(has_worked)
            worked_s = time.monotonic() - born
            pause_s = worked_s / self._config.share - worked_s
            await asyncio.sleep(pause_s if has_worked else max(pause_s, self._config.poll_s))


async def _despite_others(roller: Roller, connection: Connection) -> bool:
    """A round; when somebody is in the way, there is something left to do."""
    try:
        return await roller.round(connection)
    except CONFLICT_ERRORS as exc:
        _log.info("rolling up later: %s", describe(exc))
        return True
