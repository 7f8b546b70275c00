"""Settles what could not be told of when spans came: traces that came in parts, and calls that several traces tell of.

One process does it for all that share a database, as ``storage.postgres.leadership`` tells. What has to be settled is noted
in the database by those who store it, and removed in the transaction that settles it, so nothing is forgotten whoever dies
when. ADR 0010 has the reasons.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager

import msgspec
from psycopg.rows import namedtuple_row

from storage.derivation import DeriveOf, Relevance
from storage.interaction import SettlementInstruments
from storage.postgres.error import translated
from storage.postgres.evidence import Bounds
from storage.postgres.leadership import Connection, Leadership, LeadershipConfig, session
from storage.postgres.partition import Width
from storage.postgres.read_pool import configure_reading
from storage.postgres.remapping import Remapper
from storage.postgres.settling import Settler
from tracedata import RetryableError

_log = logging.getLogger(__name__)


class SettlementConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How often is looked for work, and how much is read at a time.

    ``soon_s`` and ``recheck_s`` are how long after a trace began to wait it is looked at once more, when every writer that had
    begun before has ended: soon, and again in case that our own commit took longer than that. ``patience_s`` is how long a trace waits at most. ``retry_s`` is the pause of who does not lead.
    """

    dsn: str
    partition_width: Width = "day"
    poll_s: float = 0.5
    idle_s: float = 1.0
    soon_s: float = 1.0
    recheck_s: float = 15.0
    patience_s: float = 86_400.0
    retry_s: float = 5.0
    bounds: Bounds = Bounds()
    connect_timeout_s: int = 5
    application_name: str = "relayscope-settlement"


class Unobserved:
    """``SettlementInstruments`` to which nobody listens."""

    def settled(self, *, traces: int, failed: int, oversized: int, changed: int) -> None:
        """Nobody listens."""

    def lagged(self, seconds: Sequence[float]) -> None:
        """Nobody listens."""

    def backlog(self, *, arrivals: int, waiting: int) -> None:
        """Nobody listens."""


class Settlement:
    """Starts at once whether or not the database answers, and tries for ever.

    ``on_round`` is called after every round that this process led, with whether it found work.
    """

    def __init__(
        self,
        config: SettlementConfig,
        derive_of: DeriveOf,
        *,
        relevance: Relevance | None = None,
        instruments: SettlementInstruments | None = None,
        on_round: Callable[[bool], None] | None = None,
    ) -> None:
        self._config = config
        self._derive_of = derive_of
        self._relevance = relevance
        self._instruments = instruments or Unobserved()
        self._on_round = on_round
        self._leadership = Leadership(
            LeadershipConfig(
                lock="relayscope.settlement",
                task="settlement",
                subject="settling interactions",
                waiting="settling interactions",
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

    async def drain(self) -> None:
        """Settles what there is now, or waits until the process that leads has done so. Needs no ``start``.

        Raises:
            RetryableError: the database cannot be reached.
        """
        with translated("settle interactions"), _executor() as executor:
            async with self._connected() as connection:
                settler = self._settler(executor)
                last = await settler.newest_arrival(connection)
                while await settler.has_arrivals(connection, up_to=last):
                    if not await self._leadership.try_to_lead(connection):
                        await asyncio.sleep(self._config.poll_s)
                    elif not await settler.settle_arrivals(connection, patiently=False):
                        raise RetryableError("settle interactions: some cannot be settled now")

    def _settler(self, executor: ThreadPoolExecutor) -> Settler:
        remapper = Remapper(self._derive_of, executor=executor, bounds=self._config.bounds, relevance=self._relevance)
        return Settler(
            remapper,
            instruments=self._instruments,
            partition_width=self._config.partition_width,
            soon_s=self._config.soon_s,
            recheck_s=self._config.recheck_s,
            patience_s=self._config.patience_s,
        )

    def _connected(self) -> AbstractAsyncContextManager[Connection]:
        return settling_connection(
            self._config.dsn,
            connect_timeout_s=self._config.connect_timeout_s,
            application_name=self._config.application_name,
        )

    async def _serve(self, connection: Connection) -> None:
        executor = _executor()
        try:
            await self._settle(connection, self._settler(executor))
        finally:
            # What is being derived is not waited for.
            executor.shutdown(wait=False, cancel_futures=True)

    async def _settle(self, connection: Connection, settler: Settler) -> None:
        _log.info("this process settles the interactions of the database")
        last_work = time.monotonic()
        while True:
            has_worked = await settler.round(connection)
            if self._on_round is not None:
                self._on_round(has_worked)
            now = time.monotonic()
            last_work = now if has_worked else last_work
            is_idle = now - last_work > self._config.idle_s * 10
            await asyncio.sleep(self._config.idle_s if is_idle else self._config.poll_s)


@contextlib.asynccontextmanager
async def settling_connection(dsn: str, *, connect_timeout_s: int, application_name: str) -> AsyncIterator[Connection]:
    """A connection that reads as the remapper expects; its end is what frees the lock of a leader."""
    async with session(dsn, connect_timeout_s=connect_timeout_s, application_name=application_name) as connection:
        # A plan must see the values: partitions are pruned by them.
        connection.prepare_threshold = None
        await configure_reading(connection)
        connection.row_factory = namedtuple_row
        yield connection


def _executor() -> ThreadPoolExecutor:
    # One thread: several would only take the interpreter from the event loop, each for longer.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="settlement")
