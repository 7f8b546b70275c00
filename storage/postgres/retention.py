"""Removes what is too old: whole partitions, then rows of those that are never dropped, then operations.

Nothing here waits long for a lock, since everybody else would wait behind it, and every step is a transaction of its
own: what is not done now is done at the next run. Resources and scopes stay: a writer that knows one to be stored would
go on referring to it. ``docs/retention.md`` and ADR 0007 say more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from psycopg import AsyncConnection, errors, sql
from psycopg.rows import dict_row

from storage.postgres.archive import copy_expiring
from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.partition import SIGNALS, SPANS, Clock, Signal, utc_now
from storage.postgres.rollup_mark import MINUTES_PER_DAY, MINUTES_PER_HOUR
from storage.postgres.statement import load_statements
from storage.retention import EXPIRED_ROWS_LIMIT, Periods, Removal, StoredPartition, Survey
from tracedata import PermanentError, RetryableError

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("retention.sql")
_DROP = "DROP TABLE IF EXISTS relayscope.{}"
_BATCH_ROWS = 5_000
# Pauses before each further attempt to drop a partition that is in use.
_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
# A writer stores an operation again when the hour in which it was last seen widens: what is stored may be so much late,
# and what a writer takes for stored is at most so much older than a span that refers to it.
_OPERATION_MARGIN = timedelta(hours=1)

Pause = Callable[[float], Awaitable[object]]


async def survey(connection: AsyncConnection, *, signal: Signal, cutoff: datetime | None) -> Survey:
    """Looks, and changes nothing.

    Raises:
        psycopg.Error: the database does not answer.
    """
    cursor = connection.cursor(row_factory=dict_row)
    found = await (await cursor.execute(_STATEMENTS["survey"], {"signal": signal.name})).fetchall()
    partitions = [
        StoredPartition(
            name=row["name"],
            start=row["from_time"],
            end=row["to_time"],
            rows=row["rows"],
            bytes=row["bytes"],
            expires=_expires(row["name"], row["to_time"], signal=signal, cutoff=cutoff),
            expired_rows=await _expired_rows(connection, row["name"], signal=signal, cutoff=cutoff),
        )
        for row in found
    ]
    return Survey(signal=signal.name, cutoff=cutoff, partitions=partitions)


async def remove(connection: AsyncConnection, *, signal: Signal, cutoff: datetime, pause: Pause) -> Removal:
    """Removes what starts before the cutoff, as far as whole partitions go; idempotent. Needs autocommit.

    Raises:
        psycopg.Error: the database does not answer; what was removed stays removed.
    """
    if signal is SPANS:
        await copy_expiring(connection, cutoff=cutoff)
    before = (await survey(connection, signal=signal, cutoff=cutoff)).partitions
    expired = [partition.name for partition in before if partition.expires]
    dropped = [one.name for one in before if one.expires and await _drop(connection, one, signal=signal, pause=pause)]
    remaining = [partition for partition in before if partition.name not in dropped]
    rows = 0
    statement = _STATEMENTS["remove_rolled_up" if signal.is_rolled_up else "remove"]
    for name in _swept(signal):
        rows += await _remove_batches(connection, signal.over(statement, partition=name), cutoff=cutoff)
    # A partition stays until its last row is too old: what it holds is older than the cutoff.
    starts = [partition.start for partition in remaining if partition.start is not None]
    oldest = min([cutoff, *starts]) - _OPERATION_MARGIN
    operations = 0
    if signal is SPANS:
        operations = await _remove_batches(connection, sql.SQL(_STATEMENTS["remove_operations"]), cutoff=oldest)
    return Removal(
        signal=signal.name,
        cutoff=cutoff,
        dropped=dropped,
        busy=[name for name in expired if name not in dropped],
        rows=rows,
        operations=operations,
    )


class Retention:
    """What the command does, over a connection for each call. ``periods`` are those of the settings."""

    def __init__(self, dsn: str, periods: Periods, *, clock: Clock = utc_now) -> None:
        self._dsn = dsn
        self._periods = periods
        self._clock = clock

    async def survey(self) -> Sequence[Survey]:
        """All signals.

        Raises:
            RelayscopeError: the database cannot be reached, or has no schema of this version.
        """
        with _translated():
            async with await connect(self._dsn, autocommit=True) as connection:
                cutoffs = cutoffs_of(self._periods, now=self._clock())
                return [await survey(connection, signal=one, cutoff=cutoffs.get(one.name)) for one in SIGNALS]

    async def apply(self) -> Sequence[Removal]:
        """Removes what is too old of every signal that is not kept for ever.

        Raises:
            RelayscopeError: the database cannot be reached, or has no schema of this version.
        """
        with _translated():
            async with await connect(self._dsn, autocommit=True) as connection:
                return await remove_all(connection, self._periods, now=self._clock())


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with translated("retention"):
            yield
    except RetryableError as exc:
        if isinstance(exc.__cause__, errors.UndefinedTable | errors.InvalidSchemaName):
            raise PermanentError("the schema is missing or old: run relayscope migrate") from exc
        raise


async def remove_all(
    connection: AsyncConnection, periods: Periods, *, now: datetime, pause: Pause = asyncio.sleep
) -> Sequence[Removal]:
    """Removes what is too old of every signal that is not kept for ever.

    Raises:
        psycopg.Error: the database does not answer.
    """
    cutoffs = cutoffs_of(periods, now=now)
    return [
        await remove(connection, signal=signal, cutoff=cutoffs[signal.name], pause=pause)
        for signal in SIGNALS
        if signal.name in cutoffs
    ]


def cutoffs_of(periods: Periods, *, now: datetime) -> dict[str, datetime]:
    """By signal: what starts before is too old."""
    return {signal: now - period for signal, period in periods.items()}


def _expires(name: str, end: datetime | None, *, signal: Signal, cutoff: datetime | None) -> bool:
    return cutoff is not None and end is not None and end <= cutoff and name not in signal.catch_alls


def _swept(signal: Signal) -> Sequence[str]:
    """Partitions that stay while rows of theirs grow too old."""
    return (signal.past, signal.default)


async def _expired_rows(
    connection: AsyncConnection, name: str, *, signal: Signal, cutoff: datetime | None
) -> int | None:
    if name not in _swept(signal) or cutoff is None:
        return None
    statement = signal.over(_STATEMENTS["expired"], partition=name)
    cursor = await connection.execute(statement, {"cutoff": cutoff, "limit": EXPIRED_ROWS_LIMIT})
    row = await cursor.fetchone()
    return int(row[0]) if row else None


async def _drop(connection: AsyncConnection, partition: StoredPartition, *, signal: Signal, pause: Pause) -> bool:
    """Drops one partition, and notes that what is rolled up of it is to go; false when it was in use at every attempt.

    Not detached first: PostgreSQL detaches concurrently only where there is no default partition.
    """
    name = partition.name
    for pause_s in (*_PAUSES_S, None):
        try:
            async with connection.transaction():
                await connection.execute(_STATEMENTS["limits"])
                await connection.execute(_STATEMENTS["mark_dropped"], {"signal": signal.name, **_time_of(partition)})
                await connection.execute(sql.SQL(_DROP).format(sql.Identifier(name)))
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            if pause_s is None:
                break
            await pause(pause_s)
        else:
            _log.info("dropped the partition %s", name)
            return True
    _log.warning("the partition %s is in use and is dropped later", name)
    return False


def _time_of(partition: StoredPartition) -> Mapping[str, object]:
    """In days, or in hours where it is shorter."""
    assert partition.start is not None and partition.end is not None, "such a partition is never dropped"  # noqa: S101, PT018 - for the type
    is_day = partition.end - partition.start >= timedelta(days=1)
    return {"start": partition.start, "end": partition.end, "minutes": MINUTES_PER_DAY if is_day else MINUTES_PER_HOUR}


async def _remove_batches(connection: AsyncConnection, statement: sql.SQL | sql.Composed, *, cutoff: datetime) -> int:
    """Removes in transactions of some rows each, so that no lock is held long."""
    removed = 0
    while True:
        cursor = await connection.execute(statement, {"cutoff": cutoff, "limit": _BATCH_ROWS})
        removed += cursor.rowcount
        if cursor.rowcount < _BATCH_ROWS:
            return removed
