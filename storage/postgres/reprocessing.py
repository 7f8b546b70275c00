"""Makes the interactions and decisions of stored spans and log records anew, trace by trace, the oldest first.

Each chunk of traces is a transaction of its own, so whatever stops a run, what was done stays, and the run can go on from the
moment that it had reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
from psycopg import AsyncConnection

from storage.derivation import DeriveOf, Relevance
from storage.interaction import OnReprocess, Period, Remade, Reprocessed, ReprocessProgress
from storage.postgres.error import translated
from storage.postgres.evidence import Bounds, TooLargeError
from storage.postgres.partition import Width
from storage.postgres.product import DECIDED, INTERACTIONS, PRODUCTS, AnyProduct
from storage.postgres.remapping import Remapped, Remapper
from storage.postgres.rewriting import TOO_MUCH_ERRORS, Rewriter, pieces
from storage.postgres.settlement import settling_connection
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("reprocessing.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND, _DAY = timedelta(microseconds=1), timedelta(days=1)

Connection = AsyncConnection[Any]
_Kind: TypeAlias = Literal["spans", "log_records"]
_KINDS: Sequence[_Kind] = ("spans", "log_records")


class ReprocessConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A page is taken from so many spans, or log records, that follow each other in time."""

    dsn: str
    partition_width: Width = "day"
    page_rows: int = 2_000
    bounds: Bounds = Bounds()
    connect_timeout_s: int = 10
    application_name: str = "relayscope-reprocess"


class StoredReprocessing:
    """``storage.interaction.Reprocessing`` over a connection for each call."""

    def __init__(self, config: ReprocessConfig, derive_of: DeriveOf, *, relevance: Relevance | None = None) -> None:
        self._config = config
        self._derive_of = derive_of
        self._relevance = relevance

    async def reprocess(self, period: Period, *, dry_run: bool, on_progress: OnReprocess | None = None) -> Reprocessed:
        """See the protocol. A trace is done once, with the first of its spans (or log records, when it has none) in the period."""
        config = self._config
        with translated("reprocess"), ThreadPoolExecutor(max_workers=1) as executor:
            async with settling_connection(
                config.dsn, connect_timeout_s=config.connect_timeout_s, application_name=config.application_name
            ) as connection:
                remapper = Remapper(self._derive_of, executor=executor, bounds=config.bounds, relevance=self._relevance)
                rewriter = Rewriter(remapper, partition_width=config.partition_width)
                run = _Run(connection, rewriter, period, dry_run=dry_run, page_rows=config.page_rows)
                await run.go(on_progress)
                return run.result()


class _Run:
    def __init__(
        self, connection: Connection, rewriter: Rewriter, period: Period, *, dry_run: bool, page_rows: int
    ) -> None:
        self._connection = connection
        self._rewriter = rewriter
        self._period = period
        self._dry_run = dry_run
        self._page_rows = page_rows
        self._counts = Counter[str]()
        self._rows_of = {product: Counter[str]() for product in PRODUCTS}
        self._fields_of = {product: Counter[str]() for product in PRODUCTS}

    async def go(self, on_progress: OnReprocess | None) -> None:
        workspaces = [row.workspace_id for row in await self._rows("workspaces", {})]
        for start, end in await self._days(workspaces):
            for workspace_id in workspaces:
                for kind in _KINDS:
                    async for trace_ids in self._pages(workspace_id, kind, start=start, end=end):
                        for piece in pieces(trace_ids):
                            await self._do(workspace_id, piece)
                        if on_progress is not None:
                            on_progress(self._progress(start))

    async def _days(self, workspaces: Sequence[int]) -> Sequence[tuple[datetime, datetime]]:
        """The period in parts, of all workspaces, so that a run that was stopped can go on from a moment."""
        bounds = {"since": self._period.since, "until": self._period.until}
        times = [
            row.time
            for workspace_id in workspaces
            for row in await self._rows("earliest", {"workspace_id": workspace_id, **bounds})
            if row.time is not None
        ]
        return list(days_of(_moment(min(times)), self._period.until)) if times else []

    def result(self) -> Reprocessed:
        return Reprocessed(
            since=self._period.since,
            until=self._period.until,
            is_dry_run=self._dry_run,
            interactions=self._remade(INTERACTIONS),
            decisions=self._remade(DECIDED),
            **{name: self._counts[name] for name in ("traces", "failed", "oversized")},
        )

    def _remade(self, product: AnyProduct) -> Remade:
        counts, fields = self._rows_of[product], self._fields_of[product]
        return Remade(**counts, fields=dict(sorted(fields.items())))

    def _progress(self, done_until: datetime) -> ReprocessProgress:
        rows = sum(self._rows_of.values(), Counter[str]())
        counts = {name: rows[name] for name in ("added", "removed", "changed")}
        return ReprocessProgress(done_until=done_until, traces=self._counts["traces"], **counts)

    async def _pages(
        self, workspace_id: int, kind: _Kind, *, start: datetime, end: datetime
    ) -> AsyncIterator[Sequence[bytes]]:
        """Traces that begin in a part of the period."""
        while True:
            parameters = {"start": start, "until": end, "limit": self._page_rows}
            rows = await self._rows(f"page_of_{kind}", {"workspace_id": workspace_id, **parameters})
            if not rows:
                return
            last = _moment(rows[-1].time)
            trace_ids = list({row.trace_id: None for row in rows})
            yield await self._beginning(workspace_id, kind, trace_ids, within=(start, last))
            start = last + _MICROSECOND

    async def _beginning(
        self, workspace_id: int, kind: _Kind, trace_ids: Sequence[bytes], *, within: tuple[datetime, datetime]
    ) -> Sequence[bytes]:
        """Those that begin in this part of the period, and so are not done before or after."""
        parameters = {
            "workspace_id": workspace_id,
            "trace_ids": list(trace_ids),
            "since": self._period.since,
            "until": self._period.until,
        }
        firsts = {row.trace_id: _moment(row.first) for row in await self._rows(f"first_{kind}", parameters)}
        others: set[bytes] = set()
        if kind == "log_records":
            others = {row.trace_id for row in await self._rows("first_spans", parameters)}
        return [one for one in trace_ids if one not in others and within[0] <= firsts.get(one, _EPOCH) <= within[1]]

    async def _do(self, workspace_id: int, trace_ids: Sequence[bytes]) -> None:
        act = self._rewriter.look if self._dry_run else self._rewriter.rewrite
        try:
            done = await act(self._connection, workspace_id, trace_ids)
        except TOO_MUCH_ERRORS as exc:
            if len(trace_ids) == 1:
                self._counts["oversized" if isinstance(exc, TooLargeError) else "failed"] += 1
                self._counts["traces"] += 1
                return
            middle = len(trace_ids) // 2
            await self._do(workspace_id, trace_ids[:middle])
            await self._do(workspace_id, trace_ids[middle:])
            return
        self._count(done, trace_ids)

    def _count(self, done: Remapped, trace_ids: Sequence[bytes]) -> None:
        self._counts.update(traces=len(trace_ids), failed=len(done.failed))
        for one in done.differences:
            # What another trace shares with these is not changed by a dry run, and so comes up again with that one.
            wanted = one.within(set(trace_ids)) if self._dry_run else one
            self._rows_of[one.product].update(
                total=len(one.product.of(done.made)),
                added=len(wanted.added),
                removed=len(wanted.removed),
                changed=len(wanted.changed),
            )
            self._fields_of[one.product].update(wanted.fields())

    async def _rows(self, statement: str, parameters: Mapping[str, object]) -> Sequence[Any]:
        cursor = self._connection.cursor(binary=True)
        return await (await cursor.execute(_STATEMENTS[statement], parameters)).fetchall()


def days_of(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """A time in parts of a day."""
    while start < end:
        following = min(start + _DAY, end)
        yield start, following
        start = following


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
