"""Settles what could not be told of when spans came: traces that came in parts, and calls that several traces tell of.

One process does it for all that share a database: whoever holds a session's advisory lock, as in ``maintenance``. What has to
be settled is noted in the database by those who store it, and removed in the transaction that settles it, so nothing is
forgotten whoever dies when. ADR 0010 has the reasons.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from storage.derivation import DeriveOf, Relevance
from storage.interaction import SettlementInstruments
from storage.postgres.connection import write_times_plainly
from storage.postgres.error import describe, place_of, translated
from storage.postgres.evidence import Bounds
from storage.postgres.partition import Width
from storage.postgres.read_pool import configure_reading
from storage.postgres.remapping import Remapper
from storage.postgres.settling import Settler
from storage.postgres.statement import load_statements
from tracedata import RetryableError

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_MAINTENANCE = load_statements("maintenance.sql")

Connection = AsyncConnection[Any]


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
        self._task: asyncio.Task[None] | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._is_leader = False

    @property
    def is_leader(self) -> bool:
        """Whether this process leads, as far as it knows."""
        return self._is_leader

    async def start(self) -> None:
        self._executor = _executor()
        self._task = asyncio.create_task(self._run(self._executor), name="settlement")

    async def aclose(self) -> None:
        """Ends at once: every step is a transaction, and another process takes over. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

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
                    if not await _leads(connection):
                        await asyncio.sleep(self._config.poll_s)
                    elif not await settler.settle_arrivals(connection, patiently=False):
                        raise RetryableError("settle interactions: some cannot be settled now")

    async def _run(self, executor: ThreadPoolExecutor) -> None:
        while True:
            try:
                async with self._connected() as connection:
                    await self._serve(connection, self._settler(executor))
            except psycopg.Error as exc:
                _log.warning("settling interactions: %s", describe(exc))
            except Exception as exc:  # noqa: BLE001 - the top of a task
                _log.error("settling interactions failed unexpectedly: %s", place_of(exc))
            await asyncio.sleep(self._config.retry_s)

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

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        async with settling_connection(
            self._config.dsn,
            connect_timeout_s=self._config.connect_timeout_s,
            application_name=self._config.application_name,
        ) as connection:
            try:
                yield connection
            finally:
                self._is_leader = False

    async def _serve(self, connection: Connection, settler: Settler) -> None:
        while not await _leads(connection):  # noqa: ASYNC110 - the other leader is another process
            await asyncio.sleep(self._config.retry_s)
        self._is_leader = True
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
    connection: Connection = await AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=connect_timeout_s,
        client_encoding="utf8",
        application_name=application_name,
        # A plan must see the values: partitions are pruned by them.
        prepare_threshold=None,
    )
    try:
        await write_times_plainly(connection)
        await configure_reading(connection)
        await connection.execute(_MAINTENANCE["notice_lost_clients"])
        connection.row_factory = namedtuple_row
        yield connection
    finally:
        await connection.close()


def _executor() -> ThreadPoolExecutor:
    # One thread: several would only take the interpreter from the event loop, each for longer.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="settlement")


async def _leads(connection: Connection) -> bool:
    row = await (await connection.execute(_STATEMENTS["try_to_lead"])).fetchone()
    return bool(row and row[0])
