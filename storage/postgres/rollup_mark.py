"""Notes of which times spans or interactions were stored, changed or removed: in the transaction that does it. See ADR 0016.

A note is a row that is only ever added, so writers never wait for each other, and one that covers a longer time when there are many, so a
backfill costs few rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from psycopg import AsyncConnection

from storage.postgres.statement import load_statements
from storage.postgres.storable import MAX_TIME_NS

_STATEMENTS = load_statements("rollup.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NS_PER_MINUTE = 60_000_000_000
MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 1_440
# More notes of one transaction than this are made into longer ones.
MAX_NOTES = 32

RolledSignal: TypeAlias = Literal["spans", "ai_interactions"]
# By workspace and signal: minutes since the epoch.
Touched: TypeAlias = Mapping[tuple[int, RolledSignal], AbstractSet[int]]
# A start and a length, in minutes.
Note: TypeAlias = tuple[int, int]


def notes_of(minutes: AbstractSet[int]) -> list[Note]:
    """Few times that cover some minutes since the epoch: minutes, or hours, or days, as they are needed."""
    for width in (1, MINUTES_PER_HOUR):
        starts = {minute - minute % width for minute in minutes}
        if len(starts) <= MAX_NOTES:
            return [(start, width) for start in sorted(starts)]
    return [(start, MINUTES_PER_DAY) for start in sorted({minute - minute % MINUTES_PER_DAY for minute in minutes})]


async def mark(connection: AsyncConnection[Any], touched: Touched) -> None:
    """Notes the minutes in the transaction of the caller."""
    rows = [
        (workspace_id, signal, moment_of(start), width)
        for (workspace_id, signal), minutes in touched.items()
        for start, width in notes_of(minutes)
    ]
    if not rows:
        return
    workspace_ids, signals, starts, widths = zip(*rows, strict=True)
    parameters = {
        "workspace_ids": list(workspace_ids),
        "signals": list(signals),
        "starts": list(starts),
        "minutes": list(widths),
    }
    await connection.execute(_STATEMENTS["mark"], parameters)


def merged(parts: Iterable[Touched]) -> dict[tuple[int, RolledSignal], set[int]]:
    """The minutes of several batches together."""
    found: dict[tuple[int, RolledSignal], set[int]] = {}
    for part in parts:
        for key, minutes in part.items():
            found.setdefault(key, set()).update(minutes)
    return found


def minute_of_stored(unix_nano: int) -> int:
    """The minute since the epoch in which an interaction starts, as far as it can be stored."""
    return min(max(unix_nano, 0), MAX_TIME_NS) // NS_PER_MINUTE


def moment_of(minute: int) -> datetime:
    """The beginning of a minute since the epoch."""
    return _EPOCH + timedelta(minutes=minute)
