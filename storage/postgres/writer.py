"""Group commit: batches that arrive while a commit is under way travel together in the next one.

A group is one binary COPY a table, in one transaction. Everyone whose rows are in it is answered after the commit. Under load the
groups grow by themselves; when idle, a batch is committed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
import psycopg
from psycopg import AsyncConnection

from storage.postgres.arrival import wake_waiting
from storage.postgres.chunk import ChunkNumbers
from storage.postgres.connection import noticing_silence
from storage.postgres.dictionary import Dictionary, Entries
from storage.postgres.durability import commit_durably
from storage.postgres.error import CONFLICT_ERRORS, ROW_ERRORS, describe, place_of
from storage.postgres.parcel import LOG_RECORD_TABLE, SPAN_TABLE, Parcel, rows_again_of, rows_of, traces_of
from storage.postgres.partition import SIGNALS, Partitions, Signal, Width
from storage.postgres.rollup_mark import mark, merged
from storage.postgres.table import Table, insert_all_but_the_bad, insert_rows
from tracedata import UNOBSERVED, Batch, Receipt, RetryableError, WriterInstruments

_log = logging.getLogger(__name__)

_MAX_CONFLICTS = 5


class WriterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one writer. A group never exceeds ``max_group_rows`` by more than one batch.

    Unless it ``remembers``, operations are stored with every group, since somebody else may remove them.
    """

    dsn: str
    max_group_rows: int = 20_000
    max_queued_rows: int = 200_000
    max_queued_bytes: int = 64 << 20
    connect_timeout_s: int = 5
    application_name: str = "relayscope-writer"
    partition_width: Width = "day"
    remembers: bool = True


class PostgresSpanWriter:
    """``storage.api.SpanWriter`` over one connection, which is made anew whenever it is lost."""

    def __init__(self, config: WriterConfig, *, instruments: WriterInstruments = UNOBSERVED) -> None:
        self._config = config
        self._instruments = instruments
        self._queue: deque[Parcel] = deque()
        self._queued_rows = 0
        self._queued_bytes = 0
        self._chunks = ChunkNumbers()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._dictionary = Dictionary(remembers=config.remembers)
        self._partitions = _partitions(config.partition_width)

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="span-writer")

    async def aclose(self) -> None:
        self._is_closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task
            self._task = None
        await self._disconnect()

    async def consume(self, batch: Batch) -> Receipt:
        """See ``tracedata.Consumer``. Refuses at once, as retryable, while the queue is full."""
        if self._is_closing or self._task is None:
            raise RetryableError("the writer is shutting down")
        if self._queued_rows >= self._config.max_queued_rows or self._queued_bytes >= self._config.max_queued_bytes:
            raise RetryableError("the write queue is full")
        if not (batch.spans or batch.log_records or batch.interactions or batch.decisions or batch.arrivals):
            return Receipt(accepted=0, rejections=batch.rejections)
        parcel = Parcel(batch, origin=self._instruments.origin(), chunk=self._chunks.next())
        # Only the encoded rows are kept while they wait.
        del batch
        self._queue.append(parcel)
        self._queued_rows += parcel.row_count
        self._queued_bytes += parcel.size
        self._tell_queue()
        self._arrived.set()
        # A sender that goes away must not take its neighbours' group with it.
        return await asyncio.shield(parcel.outcome)

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            group = self._take_group()
            if not group:
                if self._is_closing:
                    return
                self._arrived.clear()
                continue
            try:
                await self._write_observed(group)
            except psycopg.Error as exc:
                _fail(group, f"write: {describe(exc)}")
                await self._disconnect()
            except Exception as exc:  # noqa: BLE001 - the top of a task
                # A bug must not stop the writer, and the senders keep their data.
                _log.error("unexpected failure while writing a group: %s", place_of(exc))
                _fail(group, "write: internal error")
                await self._disconnect()

    def _take_group(self) -> list[Parcel]:
        group: list[Parcel] = []
        rows = 0
        while self._queue and rows < self._config.max_group_rows:
            if group and (group[-1].stands_alone or self._queue[0].stands_alone):
                break
            parcel = self._queue.popleft()
            rows += parcel.row_count
            self._queued_bytes -= parcel.size
            group.append(parcel)
        self._queued_rows -= rows
        if group:
            self._tell_queue()
        return group

    def _tell_queue(self) -> None:
        self._instruments.queued(rows=self._queued_rows, size=self._queued_bytes)

    async def _write_observed(self, group: Sequence[Parcel]) -> None:
        rows = sum(parcel.row_count for parcel in group)
        origins = [parcel.origin for parcel in group if parcel.origin is not None]
        with self._instruments.group(rows=rows, origins=origins) as probe:
            await self._write(group)
            # Told before any waiter runs, so that what was acknowledged is always counted.
            probe.committed(
                spans=sum(parcel.stored(SPAN_TABLE) for parcel in group),
                log_records=sum(parcel.stored(LOG_RECORD_TABLE) for parcel in group),
            )

    async def _write(self, group: Sequence[Parcel]) -> None:
        is_fresh = self._connection is None
        try:
            await self._store_despite_conflicts(group)
        except psycopg.OperationalError:
            # The connection may have died while idle. Whether the commit went through is unknown, and does not matter:
            # rows that are stored already are recognised.
            if is_fresh:
                raise
            await self._disconnect()
            await self._store_despite_conflicts(group)
        for parcel in group:
            parcel.settle()

    async def _store_despite_conflicts(self, group: Sequence[Parcel]) -> None:
        connection = await self._connected()
        for _ in range(_MAX_CONFLICTS):
            try:
                return await self._store(connection, group)
            except CONFLICT_ERRORS as exc:
                _log.info("repeating a transaction: %s", describe(exc))
        return await self._store(connection, group)

    async def _store(self, connection: AsyncConnection, group: Sequence[Parcel]) -> None:
        # Apart from the rest: what fails here is not the fault of a row.
        for signal, partitions in self._partitions.items():
            hours = set[int]().union(*(parcel.hours.get(signal, ()) for parcel in group))
            await partitions.ensure(connection, hours)
        entries = Entries()
        for parcel in group:
            parcel.refused = {}
            entries.merge(parcel.entries)
        try:
            await self._dictionary.ensure(connection, entries)
            note = partial(_note, group=group)
            await insert_rows(connection, rows_of(group), again=rows_again_of(group), ending=note)
        except ROW_ERRORS as exc:
            _log.warning("a group holds rows that cannot be stored (%s); storing the others", describe(exc))
            for parcel in group:
                parcel.refused = await self._store_all_but_the_bad(connection, parcel)

    async def _store_all_but_the_bad(self, connection: AsyncConnection, parcel: Parcel) -> Mapping[Table, int]:
        """Stores what can be stored of one batch; returns how many rows that leaves out, by table."""
        try:
            await self._dictionary.ensure(connection, parcel.entries)
        except ROW_ERRORS:
            # Which of the rows refer to the bad entry is not known any more.
            return {table: len(rows) for table, rows in parcel.rows.items()}
        refused = await insert_all_but_the_bad(connection, parcel.rows_again())
        # A sender whose batch is stored, but for this, is told nothing, and sends it again.
        async with connection.transaction():
            await _note(connection, group=[parcel])
        return refused

    async def _connected(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._dictionary = Dictionary(remembers=self._config.remembers)
            self._partitions = _partitions(self._config.partition_width)
            self._connection = await AsyncConnection.connect(
                noticing_silence(self._config.dsn),
                autocommit=True,
                connect_timeout=self._config.connect_timeout_s,
                client_encoding="utf8",
                application_name=self._config.application_name,
            )
            await commit_durably(self._connection)
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None


async def _note(connection: AsyncConnection, *, group: Sequence[Parcel]) -> None:
    """Notes what others have to do about what is stored."""
    await wake_waiting(connection, traces_of(group))
    await mark(connection, merged(parcel.minutes for parcel in group))


def _partitions(width: Width) -> Mapping[Signal, Partitions]:
    return {signal: Partitions(signal, width=width) for signal in SIGNALS}


def _fail(group: Sequence[Parcel], message: str) -> None:
    for parcel in group:
        parcel.fail(message)
