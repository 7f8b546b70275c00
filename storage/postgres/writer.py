"""Group commit: batches that arrive while a commit is under way travel together in the next one.

A group is one binary COPY in one transaction. Everyone whose rows are in it is answered after the commit. Under load the
groups grow by themselves; when idle, a batch is committed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import psycopg
from psycopg import AsyncConnection, errors, sql

from storage.postgres.connection import noticing_silence
from storage.postgres.dictionary import Dictionary, Entries
from storage.postgres.durability import commit_durably
from storage.postgres.error import CONFLICT_ERRORS, ROW_ERRORS, describe, place_of
from storage.postgres.partition import NS_PER_HOUR, Partitions, Width
from storage.postgres.row import COPY_HEADER, COPY_TRAILER, SPAN_COLUMNS, Origin, encode_row, origin_of
from storage.postgres.statement import load_statements
from tracedata import UNOBSERVED, Batch, Receipt, RetryableError, Span, WriterInstruments

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("writer.sql")
_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, SPAN_COLUMNS))
_COPY = sql.SQL("COPY relayscope.spans ({}) FROM STDIN (FORMAT BINARY)").format(_COLUMNS)
_COPY_STAGING = sql.SQL("COPY spans_staging ({}) FROM STDIN (FORMAT BINARY)").format(_COLUMNS)
# In the order of the unique index, so that two writers never wait for each other in a circle.
_FROM_STAGING = sql.SQL(
    "INSERT INTO relayscope.spans ({columns}) SELECT {columns} FROM spans_staging "
    "ORDER BY trace_id, span_id, start_time, fingerprint ON CONFLICT DO NOTHING"
).format(columns=_COLUMNS)
_MAX_CONFLICTS = 5
_PIECE_BYTES = 1 << 20
UNSTORABLE = "unstorable"


class WriterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one writer. A group never exceeds ``max_group_rows`` by more than one batch."""

    dsn: str
    max_group_rows: int = 20_000
    max_queued_rows: int = 200_000
    max_queued_bytes: int = 64 << 20
    connect_timeout_s: int = 5
    application_name: str = "relayscope-writer"
    partition_width: Width = "day"


class _Parcel:
    """The encoded rows of one batch, and the future that its sender waits for."""

    __slots__ = ("entries", "hours", "origin", "outcome", "refused", "rejections", "rows", "size")

    def __init__(self, batch: Batch, *, origin: object | None) -> None:
        self.origin = origin
        self.rows: list[bytes] = []
        self.entries = Entries()
        self.hours: set[int] = set()
        self.rejections: Mapping[str, int] = batch.rejections
        # How many of the rows PostgreSQL refused; set anew whenever the group is written once more.
        self.refused = 0
        self._encode(batch)
        self.size = sum(map(len, self.rows))
        self.outcome: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def _encode(self, batch: Batch) -> None:
        # Spans of one request share their resource and scope objects, mostly in runs, so identity is the fast key.
        origins: dict[tuple[int, int], Origin] = {}
        resource, scope, origin = None, None, None
        for span in batch.spans:
            if origin is None or span.resource is not resource or span.scope is not scope:
                resource, scope = span.resource, span.scope
                origin = origins.get((id(resource), id(scope)))
                if origin is None:
                    origin = origin_of(resource, scope, workspace_id=batch.workspace_id)
                    origins[id(resource), id(scope)] = origin
                    self.entries.add_origin(resource, scope, origin)
            self.rows.append(encode_row(span, origin))
            self.entries.add_operation(span, origin)
            self.hours.add(hour_of_span(span))

    def settle(self) -> None:
        if self.outcome.done():
            return
        rejections = self.rejections
        if self.refused:
            rejections = {**rejections, UNSTORABLE: rejections.get(UNSTORABLE, 0) + self.refused}
        self.outcome.set_result(Receipt(accepted=len(self.rows) - self.refused, rejections=rejections))

    def fail(self, message: str) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(RetryableError(message))


class PostgresSpanWriter:
    """``storage.api.SpanWriter`` over one connection, which is made anew whenever it is lost."""

    def __init__(self, config: WriterConfig, *, instruments: WriterInstruments = UNOBSERVED) -> None:
        self._config = config
        self._instruments = instruments
        self._queue: deque[_Parcel] = deque()
        self._queued_rows = 0
        self._queued_bytes = 0
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self._connection: AsyncConnection | None = None
        self._dictionary = Dictionary()
        self._partitions = Partitions(width=config.partition_width)

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
        if not batch.spans:
            return Receipt(accepted=0, rejections=batch.rejections)
        parcel = _Parcel(batch, origin=self._instruments.origin())
        # Only the encoded rows are kept while they wait.
        del batch
        self._queue.append(parcel)
        self._queued_rows += len(parcel.rows)
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

    def _take_group(self) -> list[_Parcel]:
        group: list[_Parcel] = []
        rows = 0
        while self._queue and rows < self._config.max_group_rows:
            parcel = self._queue.popleft()
            rows += len(parcel.rows)
            self._queued_bytes -= parcel.size
            group.append(parcel)
        self._queued_rows -= rows
        if group:
            self._tell_queue()
        return group

    def _tell_queue(self) -> None:
        self._instruments.queued(spans=self._queued_rows, size=self._queued_bytes)

    async def _write_observed(self, group: Sequence[_Parcel]) -> None:
        rows = sum(len(parcel.rows) for parcel in group)
        origins = [parcel.origin for parcel in group if parcel.origin is not None]
        with self._instruments.group(spans=rows, origins=origins) as probe:
            await self._write(group)
            # Told before any waiter runs, so that what was acknowledged is always counted.
            probe.committed(rows - sum(parcel.refused for parcel in group))

    async def _write(self, group: Sequence[_Parcel]) -> None:
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

    async def _store_despite_conflicts(self, group: Sequence[_Parcel]) -> None:
        connection = await self._connected()
        for _ in range(_MAX_CONFLICTS):
            try:
                return await self._store(connection, group)
            except CONFLICT_ERRORS as exc:
                _log.info("repeating a transaction: %s", describe(exc))
        return await self._store(connection, group)

    async def _store(self, connection: AsyncConnection, group: Sequence[_Parcel]) -> None:
        # Apart from the rest: what fails here is not the fault of a row.
        await self._partitions.ensure(connection, set[int]().union(*(parcel.hours for parcel in group)))
        entries = Entries()
        for parcel in group:
            parcel.refused = 0
            entries.merge(parcel.entries)
        try:
            await self._dictionary.ensure(connection, entries)
            await insert_rows(connection, [row for parcel in group for row in parcel.rows])
        except ROW_ERRORS as exc:
            _log.warning("a group holds rows that cannot be stored (%s); storing the others", describe(exc))
            for parcel in group:
                parcel.refused = await self._store_all_but_the_bad(connection, parcel)

    async def _store_all_but_the_bad(self, connection: AsyncConnection, parcel: _Parcel) -> int:
        """Stores what can be stored of one batch; returns how many rows that leaves out."""
        try:
            await self._dictionary.ensure(connection, parcel.entries)
        except ROW_ERRORS:
            # Which of the rows refer to the bad entry is not known any more.
            return len(parcel.rows)
        return await _insert_all_but_the_bad(connection, parcel.rows)

    async def _connected(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._dictionary = Dictionary()
            self._partitions = Partitions(width=self._config.partition_width)
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


def _fail(group: Sequence[_Parcel], message: str) -> None:
    for parcel in group:
        parcel.fail(message)


def hour_of_span(span: Span) -> int:
    """The hour in which a span starts, counted from the epoch."""
    return span.start_time_unix_nano // NS_PER_HOUR


async def copy_rows(connection: AsyncConnection, rows: Sequence[bytes]) -> None:
    """Stores new rows in one transaction; raises ``UniqueViolation`` when one is stored already."""
    async with connection.transaction(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for piece in _pieces(rows):
            await copy.write(piece)


def _pieces(rows: Sequence[bytes]) -> Iterator[bytes]:
    """The rows as COPY takes them. Few writes are faster than many; all in one would be a second copy of the group."""
    piece, size = [COPY_HEADER], 0
    for row in rows:
        piece.append(row)
        size += len(row)
        if size >= _PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join((*piece, COPY_TRAILER))


async def insert_rows(connection: AsyncConnection, rows: Sequence[bytes]) -> None:
    """Stores what is not stored yet, in one transaction. The fast path is a plain COPY; the detour is for rows of which some are stored already."""
    try:
        await copy_rows(connection, rows)
    except (errors.UniqueViolation, errors.InternalError_):
        # Citus reports what a node refuses in COPY as an internal error. An error of another kind comes up again here.
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(_STATEMENTS["make_staging"])
            async with cursor.copy(_COPY_STAGING) as copy:
                for piece in _pieces(rows):
                    await copy.write(piece)
            await cursor.execute(_FROM_STAGING)


async def _insert_all_but_the_bad(connection: AsyncConnection, rows: Sequence[bytes]) -> int:
    """Stores what can be stored, halving until the bad rows stand alone; returns how many those are."""
    try:
        await insert_rows(connection, rows)
    except ROW_ERRORS:
        if len(rows) == 1:
            return 1
    else:
        return 0
    middle = len(rows) // 2
    return await _insert_all_but_the_bad(connection, rows[:middle]) + await _insert_all_but_the_bad(
        connection, rows[middle:]
    )
