"""Partitions by time: of an hour or of a day, made on demand by writers and ahead by maintenance, within bounds.

``relayscope.cover_times`` makes them and leaves alone what is covered, so partitions of both widths live side by side.
A row whose time has no partition goes to the default one, and moves when its partition is made: partitions make reading
and retention cheap, and no write ever depends on one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, LiteralString

import msgspec
import psycopg
from psycopg import AsyncConnection, errors, sql

from storage.postgres.error import describe
from storage.postgres.statement import load_statements

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("partition.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS_PER_DAY = 24
NS_PER_HOUR = 3_600_000_000_000
# Outside these hours spans go to the default partition, so that absurd timestamps do not make thousands of tables.
_HOURS_BACK = 90 * _HOURS_PER_DAY
_HOURS_AHEAD = _HOURS_PER_DAY
# Partitions of an hour are for what is recent: what comes later than this gets days, in whichever width is set.
_HOURS_BACK_BY_HOUR = 7 * _HOURS_PER_DAY
# How long writers leave a time alone for which no partition could be made.
_PAUSE_S = 5.0
# Whoever waits for a lock makes others wait behind it, so nobody waits long. A writer has another place for its rows.
_WRITER_LOCK_TIMEOUT = "250ms"
_WRITER_STATEMENT_TIMEOUT = "5s"
_LEADER_LOCK_TIMEOUT = "500ms"
_LEADER_STATEMENT_TIMEOUT = "5min"

Width = Literal["hour", "day"]
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this machine, in UTC."""
    return datetime.now(UTC)


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of telemetry: the name of its table, and the column by which that is partitioned."""

    name: str
    time_column: str = "start_time"
    is_rolled_up: bool = False

    @property
    def past(self) -> str:
        """The partition of what is older than any that is made."""
        return f"{self.name}_past"

    @property
    def default(self) -> str:
        """The partition of every time that has no other."""
        return f"{self.name}_default"

    @property
    def catch_alls(self) -> tuple[str, ...]:
        """Those partitions that are not made by time and never dropped."""
        return (self.past, self.default, f"{self.name}_future")

    def over(self, statement: LiteralString, *, partition: str) -> sql.Composed:
        """A statement about one of its partitions."""
        return sql.SQL(statement).format(
            partition=sql.Identifier("relayscope", partition),
            time=sql.Identifier(self.time_column),
            signal=sql.Literal(self.name),
        )


SPANS = Signal(name="spans", is_rolled_up=True)
LOG_RECORDS = Signal(name="log_records", time_column="time")
AI_INTERACTIONS = Signal(name="ai_interactions", is_rolled_up=True)
AI_SEARCH = Signal(name="ai_search")
DECISIONS = Signal(name="decisions", time_column="time")
ATTRIBUTE_CHUNKS = Signal(name="attribute_chunks", time_column="to_time")
SIGNALS = (SPANS, ATTRIBUTE_CHUNKS, LOG_RECORDS, AI_INTERACTIONS, AI_SEARCH, DECISIONS)


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What one partition covers: from ``start``, in hours since the epoch, for so many hours."""

    start: int
    hours: int

    @property
    def start_time(self) -> datetime:
        return _EPOCH + timedelta(hours=self.start)

    @property
    def end_time(self) -> datetime:
        return _EPOCH + timedelta(hours=self.start + self.hours)


def hour_of(moment: datetime) -> int:
    """Hours since the epoch."""
    return int((moment - _EPOCH) // timedelta(hours=1))


def unit_of(hour: int, *, width: Width, now: int) -> Unit | None:
    """The partition for an hour; none when that hour is too far from now. All in hours since the epoch."""
    if not now - _HOURS_BACK <= hour <= now + _HOURS_AHEAD:
        return None
    if width == "hour" and hour >= now - _HOURS_BACK_BY_HOUR:
        return Unit(start=hour, hours=1)
    return _day(hour)


def units_ahead(count: int, *, width: Width, now: int) -> Iterator[Unit]:
    """The partition of now, and so many after it."""
    for number in range(count + 1):
        if width == "hour":
            yield Unit(start=now + number, hours=1)
        else:
            yield _day(now + number * _HOURS_PER_DAY)


def _day(hour: int) -> Unit:
    return Unit(start=hour - hour % _HOURS_PER_DAY, hours=_HOURS_PER_DAY)


class Partitions:
    """Remembers which times of a signal have their partition. One instance per connection; forget it with the connection."""

    def __init__(self, signal: Signal = SPANS, *, width: Width = "day", clock: Clock = utc_now) -> None:
        self._signal = signal
        self._width = width
        self._clock = clock
        self._known: set[Unit] = set()
        self._known_hours: set[int] = set()
        self._resume_at: dict[Unit, float] = {}

    async def ensure(self, connection: AsyncConnection, hours: Iterable[int]) -> None:
        """Makes the missing partitions for hours since the epoch, each in its own transaction.

        Waits for others a moment at most: a partition that cannot be made now is tried again later, and its rows go
        to the default partition for so long.

        Raises:
            psycopg.Error: the connection is lost.
        """
        missing = set(hours) - self._known_hours
        if not missing:
            return
        now = hour_of(self._clock())
        for hour in sorted(missing):
            unit = unit_of(hour, width=self._width, now=now)
            if unit is None or not await self._has(connection, unit):
                continue
            self._known_hours.add(hour)

    async def _has(self, connection: AsyncConnection, unit: Unit) -> bool:
        if unit in self._known:
            return True
        if time.monotonic() < self._resume_at.get(unit, 0.0):
            return False
        try:
            await _cover(
                connection,
                unit,
                signal=self._signal,
                limits=(_WRITER_LOCK_TIMEOUT, _WRITER_STATEMENT_TIMEOUT),
            )
        except psycopg.Error as exc:
            if connection.broken or connection.closed:
                raise
            _log.warning("a partition is made later: %s", describe(exc))
            self._resume_at[unit] = time.monotonic() + _PAUSE_S
            return False
        self._known.add(unit)
        self._resume_at.pop(unit, None)
        return True


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """Which partitions maintenance makes."""

    width: Width = "day"
    ahead: int = 3


async def keep_ahead(connection: AsyncConnection, upkeep: Upkeep, *, signal: Signal, now: datetime) -> int:
    """Makes the partitions of now and of what comes, and those that writers could not make; returns how many.

    Raises:
        psycopg.Error: as ``LockNotAvailable`` when somebody uses the default partition for long; try again later.
    """
    hour = hour_of(now)
    made = 0
    for unit in units_ahead(upkeep.ahead, width=upkeep.width, now=hour):
        made += await _cover_patiently(connection, unit, signal=signal)
    # Rows that wait in the default partition for their own, oldest first.
    searched = hour - _HOURS_BACK
    while (found := await _oldest_stray(connection, signal=signal, hours=(searched, hour + _HOURS_AHEAD))) is not None:
        stray = unit_of(found, width=upkeep.width, now=hour)
        if stray is None:
            break
        made += await _cover_patiently(connection, stray, signal=signal)
        searched = stray.start + stray.hours
    return made


async def _oldest_stray(connection: AsyncConnection, *, signal: Signal, hours: tuple[int, int]) -> int | None:
    start, end = (_EPOCH + timedelta(hours=hour) for hour in hours)
    statement = signal.over(_STATEMENTS["oldest_stray"], partition=signal.default)
    row = await (await connection.execute(statement, {"start": start, "end": end})).fetchone()
    return hour_of(row[0]) if row and row[0] is not None else None


async def _cover_patiently(connection: AsyncConnection, unit: Unit, *, signal: Signal) -> int:
    return await _cover(connection, unit, signal=signal, limits=(_LEADER_LOCK_TIMEOUT, _LEADER_STATEMENT_TIMEOUT))


async def _cover(connection: AsyncConnection, unit: Unit, *, signal: Signal, limits: tuple[str, str]) -> int:
    """Makes what is missing of a unit, in one transaction; ``limits`` are those of waiting and of working."""
    parameters = {"signal": signal.name, "start": unit.start_time, "end": unit.end_time}
    try:
        async with connection.transaction():
            await connection.execute(_STATEMENTS["limits"], {"lock": limits[0], "statement": limits[1]})
            row = await (await connection.execute(_STATEMENTS["cover"], parameters)).fetchone()
    except errors.DuplicateTable:
        # A session that waited for another one may look at a catalog cache that is out of date: then the partition is
        # there. Or somebody detached it and kept the table: then its time belongs to the default partition.
        return 0
    return int(row[0]) if row else 0
