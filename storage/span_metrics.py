"""Calls over time, as Jaeger's monitoring asks for them. Whatever can answer it may: spans, or rollups of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class SpanMetricsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of some services and kinds (``SpanKind`` numbers) that start in a window, put together by their start.

    ``start_us`` is included, ``end_us`` excluded, both Unix microseconds. A step begins at a multiple of ``step_us`` since
    the epoch, so the first and last one may be cut by the window. ``quantile`` is from 0 to 1; without one, no latency is
    computed.
    """

    workspace_id: int
    services: Sequence[str]
    kinds: Sequence[int]
    start_us: int
    end_us: int
    step_us: int
    by_operation: bool = False
    quantile: float | None = None


class SpanMetricsPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What started in one step; steps in which nothing did have no point.

    ``operation`` is empty unless asked for. ``latency_ms`` is the quantile of durations; a negative duration counts as 0.
    """

    service: str
    operation: str
    start_us: int
    calls: int
    errors: int
    latency_ms: float | None = None


class SpanMetricsReader(Protocol):
    """Answers for what is stored. Raises ``RetryableError`` when the store cannot be reached."""

    async def span_metrics(self, query: SpanMetricsQuery) -> Sequence[SpanMetricsPoint]:
        """Points sorted by service, operation and time."""
        ...
