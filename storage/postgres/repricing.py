"""Computes the costs of stored interactions anew, without mapping anything again. Each page is a transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg import AsyncConnection, sql

from storage.interaction import (
    CurrencyTotal,
    OnReprice,
    Period,
    PriceOf,
    Repriced,
    RepriceProgress,
    UnmappedModel,
)
from storage.postgres.error import CONFLICT_ERRORS, translated
from storage.postgres.interaction_row import INTERACTION_COLUMNS, as_stored, interaction_of, stored
from storage.postgres.reprocessing import days_of
from storage.postgres.rollup_mark import mark, minute_of_stored
from storage.postgres.settlement import settling_connection
from storage.postgres.statement import load_statements
from tracedata import Interaction, RetryableError
from tracedata.interaction import MODEL_OPERATIONS

_STATEMENTS = load_statements("reprocessing.sql")
_SETTLEMENT = load_statements("settlement.sql")
_PAGE = sql.SQL(
    "SELECT {} FROM relayscope.ai_interactions WHERE workspace_id = %(workspace_id)s AND operation = ANY(%(operations)s) "
    "AND start_time >= %(start)s AND start_time < %(until)s ORDER BY start_time FETCH FIRST %(limit)s ROWS WITH TIES"
).format(sql.SQL(", ").join(map(sql.Identifier, INTERACTION_COLUMNS)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_CONFLICTS = 20
_PICO = 10**12
# More than anybody reads would only take memory.
_MAX_UNMAPPED = 10_000

Connection = AsyncConnection[Any]


class RepriceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A page has so many interactions, and those that start with the last of them."""

    dsn: str
    page_rows: int = 1_000
    connect_timeout_s: int = 10
    application_name: str = "relayscope-reprice"


class StoredRepricing:
    """``storage.interaction.Repricing`` over a connection for each call."""

    def __init__(self, config: RepriceConfig, price_of: PriceOf) -> None:
        self._config = config
        self._price_of = price_of

    async def reprice(self, period: Period, *, dry_run: bool, on_progress: OnReprice | None = None) -> Repriced:
        """See the protocol."""
        config = self._config
        with translated("reprice interactions"):
            async with settling_connection(
                config.dsn, connect_timeout_s=config.connect_timeout_s, application_name=config.application_name
            ) as connection:
                run = _Run(connection, self._price_of, period, dry_run=dry_run, page_rows=config.page_rows)
                await run.go(on_progress)
                return run.result()


class _Run:
    def __init__(
        self, connection: Connection, price_of: PriceOf, period: Period, *, dry_run: bool, page_rows: int
    ) -> None:
        self._connection = connection
        self._price_of = price_of
        self._period = period
        self._dry_run = dry_run
        self._page_rows = page_rows
        self._interactions = self._changed = 0
        self._before = Counter[str]()
        self._after = Counter[str]()
        self._calls = Counter[tuple[str, str]]()
        self._tokens = Counter[tuple[str, str]]()

    async def go(self, on_progress: OnReprice | None) -> None:
        workspaces = [row.workspace_id for row in await self._rows(_STATEMENTS["workspaces"], {})]
        # Days of all workspaces one after another, so that a run that was stopped can go on from a moment.
        for start, end in await self._days(workspaces):
            for workspace_id in workspaces:
                place = start
                while (reached := await self._despite_conflicts(workspace_id, place, end)) is not None:
                    place = reached + _MICROSECOND
                    if on_progress is not None:
                        on_progress(
                            RepriceProgress(done_until=start, interactions=self._interactions, changed=self._changed)
                        )

    def result(self) -> Repriced:
        currencies = sorted(self._before.keys() | self._after.keys())
        unmapped = sorted(self._calls, key=lambda key: (-self._tokens[key], -self._calls[key], key))
        return Repriced(
            since=self._period.since,
            until=self._period.until,
            is_dry_run=self._dry_run,
            interactions=self._interactions,
            changed=self._changed,
            totals=[
                CurrencyTotal(currency=one, before=self._before[one] / _PICO, after=self._after[one] / _PICO)
                for one in currencies
            ],
            unmapped=[
                UnmappedModel(provider=key[0], model=key[1], calls=self._calls[key], tokens=self._tokens[key])
                for key in unmapped
            ],
        )

    async def _days(self, workspaces: Sequence[int]) -> Sequence[tuple[datetime, datetime]]:
        bounds = {"since": self._period.since, "until": self._period.until}
        times = [
            row.time
            for workspace_id in workspaces
            for row in await self._rows(_STATEMENTS["earliest_interaction"], {"workspace_id": workspace_id, **bounds})
            if row.time is not None
        ]
        return list(days_of(_moment(min(times)), self._period.until)) if times else []

    async def _despite_conflicts(self, workspace_id: int, start: datetime, end: datetime) -> datetime | None:
        for _ in range(_MAX_CONFLICTS):
            try:
                return await self._page(workspace_id, start, end)
            except CONFLICT_ERRORS:
                # Others come first; each attempt has waited for a while already.
                continue
        raise RetryableError("the database is too busy; run the command again from where it was")

    async def _page(self, workspace_id: int, start: datetime, end: datetime) -> datetime | None:
        """Prices the next interactions; returns where the last of them starts, or none at the end."""
        price = self._price_of(workspace_id)
        async with self._connection.transaction():
            await self._connection.execute(_SETTLEMENT["begin"])
            found = await self._interactions_of(workspace_id, start, end)
            priced = [as_stored(msgspec.structs.replace(one, cost=price(one))) for one in found]
            changed = [new for old, new in zip(found, priced, strict=True) if new.cost != old.cost]
            if changed and not self._dry_run:
                await self._connection.execute(_STATEMENTS["reprice"], _columns(changed, workspace_id))
                minutes = {minute_of_stored(one.start_time_unix_nano) for one in changed}
                await mark(self._connection, {(workspace_id, "ai_interactions"): minutes})
        for old, new in zip(found, priced, strict=True):
            self._count(old, new)
        self._changed += len(changed)
        return _moment(found[-1].start_time_unix_nano // 1_000) if found else None

    async def _interactions_of(self, workspace_id: int, start: datetime, end: datetime) -> Sequence[Interaction]:
        parameters = {
            "workspace_id": workspace_id,
            "operations": sorted(MODEL_OPERATIONS),
            "start": start,
            "until": end,
            "limit": self._page_rows,
        }
        return [interaction_of(row) for row in await self._rows(_PAGE, parameters)]

    def _count(self, old: Interaction, new: Interaction) -> None:
        self._interactions += 1
        for sums, one in ((self._before, old), (self._after, new)):
            if one.cost.amount is not None:
                sums[one.cost.currency] += round(one.cost.amount * _PICO)
        tokens = new.usage.total
        if tokens is None or new.cost.amount is not None or new.cost.price:
            return
        key = (new.provider, new.model)
        if key in self._calls or len(self._calls) < _MAX_UNMAPPED:
            self._calls[key] += 1
            self._tokens[key] += tokens

    async def _rows(self, statement: Any, parameters: Mapping[str, object]) -> Sequence[Any]:  # noqa: ANN401 - SQL of any form
        cursor = self._connection.cursor(binary=True)
        return await (await cursor.execute(statement, parameters)).fetchall()


def _columns(changed: Sequence[Interaction], workspace_id: int) -> Mapping[str, object]:
    rows = [stored(one, workspace_id=workspace_id) for one in changed]
    return {
        "workspace_id": workspace_id,
        "trace_ids": [row.trace_id for row in rows],
        "span_ids": [row.span_id for row in rows],
        "starts": [_moment(row.start_time) for row in rows],
        "cost_picos": [row.cost_pico for row in rows],
        "cost_sources": [row.cost_source for row in rows],
        "currencies": [row.currency for row in rows],
        "discrepancies": [row.is_discrepant for row in rows],
        "details": [row.details.decode() for row in rows],
    }


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
