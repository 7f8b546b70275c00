"""Runs what a query language was compiled to, within bounds of rows and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from decimal import Decimal
from itertools import groupby

from storage.api import SearchCursor
from storage.postgres.candidate import NEWEST_SPANS, CandidateSearch, find_candidates
from storage.postgres.error import translated
from storage.postgres.read_pool import BY_INDEX, ReadPool
from storage.postgres.stored_part import Row
from storage.trace_query import MatchedSpan, MatchPage, SeriesPoint, SeriesQuery, SpanSet, TraceMatch, TraceQuery
from tracedata import Value
from tracedata.typed_json import decode_value

# Traces that are looked at in one statement, and for one page.
_TRACES_AT_ONCE = 100
_MAX_TRACES = 10_000
_BUDGET_S = 10.0


class PostgresTraceQueryReader:
    """``storage.trace_query.TraceQueryReader`` over the pool of another reader.

    Statements are made beside the event loop: a condition of some hundred parts takes a second, again for each portion.
    A page ends when it is full, when nothing is left, after ``max_traces`` candidates or, between two statements, after ``budget_s``.
    ``newest_spans`` are looked at one by one before the index of attributes is asked.
    """

    def __init__(
        self,
        pool: ReadPool,
        *,
        max_traces: int = _MAX_TRACES,
        budget_s: float = _BUDGET_S,
        clock: Callable[[], float] = time.monotonic,
        newest_spans: int = NEWEST_SPANS,
    ) -> None:
        self._newest_spans = newest_spans
        self._pool = pool
        self._max_traces = max_traces
        self._budget_s = budget_s
        self._clock = clock

    async def find_matches(self, query: TraceQuery) -> MatchPage:
        """See ``TraceQueryReader``. Candidates are read newest first and looked at in portions until the page is full."""
        deadline = self._clock() + self._budget_s
        places: dict[bytes, SearchCursor] = {}
        waiting: list[bytes] = []
        found: list[TraceMatch] = []
        wanted = CandidateSearch(
            compile=query.candidates,
            workspace_id=query.workspace_id,
            start_us=query.start_us,
            end_us=query.end_us,
            limit=query.limit,
            after=query.after,
            action="query",
            newest_spans=self._newest_spans,
        )
        async with aclosing(find_candidates(self._pool, wanted)) as portions:
            async for portion in portions:
                for row in portion.rows:
                    if row.trace_id not in places:
                        places[row.trace_id] = SearchCursor(start_us=row.start_time, trace_id=row.trace_id)
                        waiting.append(row.trace_id)
                while waiting:
                    looked_at, waiting = waiting[:_TRACES_AT_ONCE], waiting[_TRACES_AT_ONCE:]
                    found += await self._matches(query, looked_at)
                    if len(found) > query.limit:
                        return _full(found[: query.limit], places)
                    if len(places) - len(waiting) >= self._max_traces or self._clock() > deadline:
                        return MatchPage(matches=found, cursor=places[looked_at[-1]])
                if self._clock() > deadline:
                    return MatchPage(matches=found, cursor=portion.place)
        return MatchPage(matches=found)

    async def measure(self, query: SeriesQuery) -> Sequence[SeriesPoint]:
        """See ``TraceQueryReader``."""
        with translated("query"):
            statement = await self._pool.aside(query.statement)
        rows = await self._pool.fetch(statement.sql.encode(), statement.parameters, action="query")
        return await self._pool.aside(_points, rows, query.labels)

    async def _matches(self, query: TraceQuery, trace_ids: Sequence[bytes]) -> Sequence[TraceMatch]:
        """What these match, in their order."""
        with translated("query"):
            statement = await self._pool.aside(query.matches, trace_ids)
        rows = await self._pool.fetch(statement.sql.encode(), statement.parameters, action="query", planning=BY_INDEX)
        matches = await self._pool.aside(_by_trace, rows, query.set_labels, query.span_labels)
        return [matches[trace_id] for trace_id in trace_ids if trace_id in matches]


def _full(matches: Sequence[TraceMatch], places: dict[bytes, SearchCursor]) -> MatchPage:
    return MatchPage(matches=matches, cursor=places[matches[-1].trace_id])


def _by_trace(rows: Sequence[Row], set_labels: Sequence[str], span_labels: Sequence[str]) -> dict[bytes, TraceMatch]:
    found: dict[bytes, TraceMatch] = {}
    for trace_id, of_trace in groupby(rows, key=lambda row: row.trace_id):
        sets = [
            _span_set(list(of_set), set_labels, span_labels)
            for _, of_set in groupby(of_trace, key=lambda row: row.set_number)
        ]
        found[trace_id] = TraceMatch(trace_id=trace_id, sets=sets)
    return found


def _span_set(rows: Sequence[Row], set_labels: Sequence[str], span_labels: Sequence[str]) -> SpanSet:
    first = rows[0]
    return SpanSet(
        matched=first.matched,
        spans=[_span(row, span_labels, after=len(set_labels)) for row in rows],
        values=_values(first, set_labels),
    )


def _span(row: Row, labels: Sequence[str], *, after: int) -> MatchedSpan:
    return MatchedSpan(
        span_id=row.span_id,
        start_time_unix_nano=row.start_time * 1_000 + row.start_time_ns,
        duration_ns=row.duration_ns,
        name=row.name,
        service=row.service_name,
        values=_values(row, labels, after=after),
    )


def _values(row: Row, labels: Iterable[str], *, prefix: str = "v", after: int = 0) -> list[tuple[str, Value]]:
    return [
        (label, decode_value(getattr(row, f"{prefix}{position}"))) for position, label in enumerate(labels, start=after)
    ]


def _points(rows: Sequence[Row], labels: Sequence[str]) -> Sequence[SeriesPoint]:
    return [
        SeriesPoint(
            series=row.series,
            bucket=row.bucket,
            measures=[float(measure) for measure in _listed(row.measure)],
            labels=_values(row, labels, prefix="l"),
        )
        for row in rows
    ]


def _listed(measure: float | Decimal | Sequence[float]) -> Iterable[float | Decimal]:
    return measure if isinstance(measure, Sequence) else (measure,)
