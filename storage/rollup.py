"""Rollups: what spans and AI interactions amount to over time, kept ready so that questions about many of them are answered at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from storage.api import Window

SpanDimension: TypeAlias = Literal["service", "operation"]


class RollupStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far rolling up is behind.

    ``dirty`` counts times whose spans or interactions have changed since, ``stale`` hours and days that are to be made anew of what is
    below them. ``lag_s`` is for how long the time has waited that has waited longest, ``oldest`` and ``newest`` are where they lie.
    """

    dirty: int
    stale: int
    lag_s: float
    oldest: datetime | None = None
    newest: datetime | None = None


class RollupInstruments(Protocol):
    """Told of what rolling up does."""

    def rolled(self, *, buckets: int, rows: int, seconds: float) -> None:
        """Buckets were made anew in one transaction, of so many spans or interactions."""
        ...

    def backlog(self, *, dirty: int, stale: int, lag_s: float) -> None:
        """What there is to do."""
        ...


class SpanQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of the spans that start in a window, over time.

    Groups are told apart ``by`` service, by operation (the name of a span), and by the printed ``attribute`` of a span, or else of its
    resource. Steps are ``step_us`` long and begin at multiples of that since 1970. The ``limit`` groups with most spans are given.
    """

    window: Window
    step_us: int
    limit: int
    by: Sequence[SpanDimension] = ()
    attribute: str | None = None
    service: str | None = None
    operation: str | None = None


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What some spans amount to. Percentiles are milliseconds, off by ``storage.latency.MAX_RELATIVE_ERROR`` at most."""

    calls: int
    errors: int
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float


class SpanSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A group: what it is, none where that was not asked for or is not told; all of it, and its steps in order, empty ones left out."""

    service: str | None
    operation: str | None
    attribute: str | None
    total: SpanFigures
    steps: Sequence[tuple[int, SpanFigures]]


class SpanStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Groups, those with most spans first; ``is_cut`` when there are more."""

    series: Sequence[SpanSeries]
    is_cut: bool


class SpanStatisticsReader(Protocol):
    """Answers for spans over time, exact to the newest one that is committed, but for percentiles."""

    async def span_statistics(self, question: SpanQuestion) -> SpanStatistics:
        """Raises ``RetryableError`` when the store cannot be reached, or not in time."""
        ...


class Rollups(Protocol):
    """Rolling up, seen from outside. Every method raises ``RelayscopeError`` when the store cannot be reached."""

    async def status(self) -> RollupStatus: ...

    async def mark(self, *, start: datetime, end: datetime) -> int:
        """Marks every day of a time of which anything is stored or rolled up, to be rolled up anew; how many, over all workspaces.

        Answers stay right meanwhile, and take longer.
        """
        ...

    async def drain(self, *, on_progress: Callable[[RollupStatus], None]) -> None:
        """Rolls up everything that is marked now, beside a process that leads, if there is one; tells how it goes."""
        ...
