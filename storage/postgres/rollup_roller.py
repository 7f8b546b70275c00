"""The work of the one that rolls up, over its connection: every step is one transaction. See ``storage.postgres.rollup_leader``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncConnection, sql

from storage.postgres.rollup_mark import MINUTES_PER_DAY, MINUTES_PER_HOUR
from storage.postgres.rollup_statement import load_rollup_statements
from storage.rollup import RollupInstruments

_STATEMENTS = load_rollup_statements("rollup.sql")
# Times with more rows than this are rolled up part by part.
_MAX_ROWS = 100_000
_MARKS = 20
_RIPE = 50
_BACKLOG_LIMIT = 100_000
_SUFFIXES = {1: "1m", MINUTES_PER_HOUR: "1h", MINUTES_PER_DAY: "1d"}
_BELOW = {MINUTES_PER_DAY: MINUTES_PER_HOUR, MINUTES_PER_HOUR: 1}

Connection = AsyncConnection[Any]


class Unobserved:
    """``RollupInstruments`` to which nobody listens."""

    def rolled(self, *, buckets: int, rows: int, seconds: float) -> None:
        """Nobody listens."""

    def backlog(self, *, dirty: int, stale: int, lag_s: float) -> None:
        """Nobody listens."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A time of which something has changed."""

    workspace_id: int
    signal: str
    start: datetime
    minutes: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)

    @property
    def parameters(self) -> dict[str, object]:
        return {**msgspec.structs.asdict(self), "end": self.end}


class Roller:
    """One instance a connection, which reads repeatably, gives named tuples, and was made ready with ``prepare``.

    ``quiet_s`` is how long a time is left alone after it was marked: while it goes on changing, rolling it up is of no use.
    """

    def __init__(self, *, instruments: RollupInstruments, quiet_s: float) -> None:
        self._instruments = instruments
        self._quiet_s = quiet_s
        self._takes_oldest = False

    async def prepare(self, connection: Connection) -> None:
        """Makes the temporary tables of a session."""
        await connection.execute(_STATEMENTS["prepare"])

    async def round(self, connection: Connection) -> bool:
        """Does some of what there is to do; returns whether there was anything.

        Raises:
            psycopg.Error: the database does not answer, or another one rolls up; what was done stays done.
        """
        # The newest are asked for most; but those that have waited longest have their turn, too.
        self._takes_oldest = not self._takes_oldest
        parameters = {"quiet_s": self._quiet_s, "oldest": self._takes_oldest, "limit": _MARKS}
        marks = await self._rows(connection, "next", parameters)
        for row in marks:
            await self.roll(
                connection,
                Mark(workspace_id=row.workspace_id, signal=row.signal, start=row.start, minutes=row.minutes),
            )
        ripe = await self._rows(connection, "ripe", {"limit": _RIPE})
        for row in ripe:
            await self._refresh(
                connection,
                Mark(workspace_id=row.workspace_id, signal=row.signal, start=row.bucket, minutes=row.minutes),
            )
        (backlog,) = await self._rows(connection, "backlog", {"limit": _BACKLOG_LIMIT})
        self._instruments.backlog(dirty=backlog.dirty, stale=backlog.stale, lag_s=backlog.lag_s)
        return bool(marks or ripe)

    async def roll(self, connection: Connection, mark: Mark) -> None:
        """Rolls up a time as it is now, and removes its marks; or, when it is too much at once, marks the parts of it."""
        born = time.monotonic()
        measure = "measure" if mark.signal == "spans" else "measure_interactions"
        ((rows,),) = await self._rows(connection, measure, {**mark.parameters, "limit": _MAX_ROWS + 1})
        if mark.minutes > 1 and rows > _MAX_ROWS:
            await connection.execute(_STATEMENTS["split"], {**mark.parameters, "part": _BELOW[mark.minutes]})
            return
        async with connection.transaction():
            await connection.execute(_STATEMENTS["alone"])
            taken = await connection.execute(_STATEMENTS["take"], {**mark.parameters, "quiet_s": self._quiet_s})
            if not taken.rowcount:
                # Another one was faster.
                return
            await (_roll_spans if mark.signal == "spans" else _roll_interactions)(connection, mark.parameters)
        self._instruments.rolled(buckets=mark.minutes, rows=rows, seconds=time.monotonic() - born)

    async def _refresh(self, connection: Connection, mark: Mark) -> None:
        """Makes an hour of its minutes, or a day of its hours."""
        born = time.monotonic()
        async with connection.transaction():
            await connection.execute(_STATEMENTS["alone"])
            taken = await connection.execute(_STATEMENTS["refresh"], mark.parameters)
            if not taken.rowcount:
                return
            for name in _TABLES[mark.signal]:
                await _merge(connection, name, mark)
            if mark.minutes < MINUTES_PER_DAY:
                # The day may have been made anew while the hour was not.
                await connection.execute(_STATEMENTS["outdate_day"], mark.parameters)
        self._instruments.rolled(buckets=1, rows=0, seconds=time.monotonic() - born)

    @staticmethod
    async def _rows(connection: Connection, name: str, parameters: Mapping[str, object]) -> Sequence[Any]:
        return await (await connection.execute(_STATEMENTS[name], parameters)).fetchall()


# The tables of each signal, and what makes an hour or a day of them.
_TABLES: Mapping[str, Mapping[str, str]] = {
    "spans": {"span_metrics": "merge_metrics", "service_edges": "merge_edges"},
    "ai_interactions": {"ai_usage": "merge_usage"},
}


async def _roll_spans(connection: Connection, parameters: Mapping[str, object]) -> None:
    await connection.execute(_STATEMENTS["planning"])
    await connection.execute(_STATEMENTS["touch"], parameters)
    await connection.execute(_STATEMENTS["joining"])
    await connection.execute(_STATEMENTS["remove_metrics"], parameters)
    await connection.execute(_STATEMENTS["add_metrics"], parameters)
    await connection.execute(_STATEMENTS["remove_links"], parameters)
    await connection.execute(_STATEMENTS["add_links"], parameters)
    await connection.execute(_STATEMENTS["find_edges"], parameters)
    # Before anything is changed, since it compares.
    await connection.execute(_STATEMENTS["mark_mixed"], parameters)
    elsewhere: set[datetime] = set()
    for name in ("remove_edges", "add_edges"):
        rows = await (await connection.execute(_STATEMENTS[name], parameters)).fetchall()
        elsewhere.update(row.bucket for row in rows)
    await connection.execute(_STATEMENTS["outdate_range"], parameters)
    if elsewhere:
        await connection.execute(_STATEMENTS["outdate"], {**parameters, "minutes": sorted(elsewhere)})


async def _roll_interactions(connection: Connection, parameters: Mapping[str, object]) -> None:
    for name in ("planning", "remove_usage", "add_usage", "outdate_range"):
        await connection.execute(_STATEMENTS[name], parameters)


async def _merge(connection: Connection, name: str, mark: Mark) -> None:
    coarse = sql.Identifier(f"{name}_{_SUFFIXES[mark.minutes]}")
    fine = sql.Identifier(f"{name}_{_SUFFIXES[_BELOW[mark.minutes]]}")
    for statement in (_STATEMENTS["remove_coarse"], _STATEMENTS[_TABLES[mark.signal][name]]):
        await connection.execute(sql.SQL(statement).format(coarse=coarse, fine=fine), mark.parameters)
