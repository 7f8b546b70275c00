"""Statistics of spans as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import Milliseconds, Time


class SpanFigures(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What some spans amount to. A percentile is off by 2.5 % at most."""

    calls: Annotated[int, Meta(description="Spans.")]
    errors: int
    calls_per_second: Annotated[
        float, Meta(description="Over the part of the window or of the step that was asked for.")
    ]
    p50: Milliseconds
    p90: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class SpanStep(SpanFigures, frozen=True, kw_only=True):
    """A step of time; one without spans is left out."""

    time: Time


class SpanGroup(SpanFigures, frozen=True, kw_only=True):
    """Spans of a service, of an operation, or with a value of an attribute; null where that was not asked for, or is not told."""

    service: str | None
    operation: str | None
    attribute: Annotated[str | None, Meta(description="The value, as text.")]
    steps: Sequence[SpanStep]


class SpanStatistics(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Groups, those with most spans first."""

    items: Sequence[SpanGroup]
    next_cursor: None
    start: Time
    end: Time
    step: Annotated[float, Meta(description="Milliseconds.")]
    truncated: Annotated[bool, Meta(description="There are more groups than limit.")]


SPAN_STATISTICS_ANSWERS: tuple[type[msgspec.Struct], ...] = (SpanStatistics,)
