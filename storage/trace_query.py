"""Questions in a query language, as the store sees them: statements that somebody else made, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from storage.api import SearchCursor, SearchPart, Statement
from tracedata import Value


class TraceQuery(Protocol):
    """A search for traces in two statements.

    ``candidates`` yields ``(trace_id, start_time)`` of spans, newest first, then by trace id, also descending, at most ``%(rows)s``: no
    trace is found without one. ``below`` continues within a page, and ``part`` is what the statement is about; candidates at or above ``after`` are left out with their traces.

    ``matches`` tells which of some traces are found: a row for each span that is shown of each set of spans, ordered by trace, set and
    span: ``trace_id``, ``set_number``, ``matched`` (spans in the set), ``span_id``, ``start_time``, ``start_time_ns``, ``duration_ns``, ``name``,
    ``service_name``, then as jsonb ``v0``, ``v1``, ...: values of the set by ``set_labels``, then those of the span by ``span_labels``.
    """

    @property
    def limit(self) -> int: ...

    @property
    def after(self) -> SearchCursor | None: ...

    @property
    def set_labels(self) -> Sequence[str]: ...

    @property
    def span_labels(self) -> Sequence[str]: ...

    @property
    def workspace_id(self) -> int: ...

    @property
    def start_us(self) -> int: ...

    @property
    def end_us(self) -> int: ...

    def candidates(self, *, below: SearchCursor | None = None, part: SearchPart | None = None) -> Statement: ...

    def matches(self, trace_ids: Sequence[bytes]) -> Statement: ...


class MatchedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A span of a set. ``values`` are those that were selected; an absent one is None."""

    span_id: bytes
    start_time_unix_nano: int
    duration_ns: int
    name: str
    service: str
    values: Sequence[tuple[str, Value]]


class SpanSet(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of a trace that match together: how many, and the earliest of them. ``values`` are what they were grouped by, and aggregates."""

    matched: int
    spans: Sequence[MatchedSpan]
    values: Sequence[tuple[str, Value]]


class TraceMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A trace that was found, with at least one set of spans."""

    trace_id: bytes
    sets: Sequence[SpanSet]


class MatchPage(msgspec.Struct, frozen=True, kw_only=True):
    """Traces by the start of their newest candidate, newest first; ``cursor`` when there may be more.

    With a cursor, a page can be short, even empty: then so many candidates were looked at in vain that it is time to say so.
    """

    matches: Sequence[TraceMatch]
    cursor: SearchCursor | None = None


class SeriesQuery(Protocol):
    """A question for series in one statement.

    Its rows have ``bucket`` (the start divided by the step, cut), ``series`` (a number, from 1), ``measure`` (a number, or a list of
    them), and as jsonb the labels ``l0``, ``l1``, ...
    """

    def statement(self) -> Statement: ...

    @property
    def labels(self) -> Sequence[str]: ...


class SeriesPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in one step; several numbers when several were asked for. ``series`` numbers the series."""

    series: int
    bucket: int
    measures: Sequence[float]
    labels: Sequence[tuple[str, Value]]


class TraceQueryReader(Protocol):
    """Answers questions in a query language. Both methods raise ``RetryableError`` when the store cannot be reached, or not in time."""

    async def find_matches(self, query: TraceQuery) -> MatchPage: ...

    async def measure(self, query: SeriesQuery) -> Sequence[SeriesPoint]:
        """The points of all series, by series and time; empty steps are left out."""
        ...
