"""Daily partitions of the spans table: made when the first span of a day comes, within bounds."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from psycopg import AsyncConnection, errors

from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("writer.sql")
_EPOCH = date(1970, 1, 1)
US_PER_DAY = 86_400_000_000
# Outside these days spans go to the default partition, so that absurd timestamps do not make thousands of tables.
_DAYS_BACK = 90
_DAYS_AHEAD = 1


class Partitions:
    """Remembers which days have their partition. One instance per connection; forget it with the connection."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    async def ensure(self, connection: AsyncConnection, days: Iterable[int]) -> None:
        """Makes the missing partitions of the given days (counted from the epoch), each in its own transaction."""
        missing = set(days) - self._known
        if not missing:
            return
        today = (datetime.now(UTC).date() - _EPOCH).days
        for day in sorted(missing):
            if today - _DAYS_BACK <= day <= today + _DAYS_AHEAD:
                await _make(connection, _EPOCH + timedelta(days=day))
                self._known.add(day)


async def _make(connection: AsyncConnection, day: date) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    parameters = {"name": f"spans_{day:%Y%m%d}", "start": start, "end": start + timedelta(days=1)}
    # A session that has waited for another one to make the partition may look for it in a catalog cache that is out of
    # date, since waiting for an advisory lock does not refresh it. Then the partition is there, attached and committed.
    with suppress(errors.DuplicateTable):
        async with connection.transaction():
            await connection.execute(_STATEMENTS["limit_waiting"])
            await connection.execute(_STATEMENTS["ensure_partition"], parameters)
