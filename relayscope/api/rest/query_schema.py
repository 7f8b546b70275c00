"""The JSON of the answers to TraceQL."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import KeyValue, Milliseconds, NextCursor, SpanId, Time, TraceSummary, UnixNano


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class MatchedSpan(_Json, frozen=True, kw_only=True):
    """A span that a query matched."""

    span_id: SpanId
    name: str
    service: str
    start_time: Time
    start_time_unix_nano: UnixNano
    duration: Milliseconds
    attributes: Annotated[
        Sequence[KeyValue],
        Meta(description="What `select()` names, as the query calls it; an empty value where the span has none."),
    ]


class SpanSet(_Json, frozen=True, kw_only=True):
    """Spans of a trace that match together."""

    matched: Annotated[int, Meta(description="How many spans are in the set.")]
    spans: Annotated[Sequence[MatchedSpan], Meta(description="The earliest 10 of them.")]
    attributes: Annotated[
        Sequence[KeyValue], Meta(description="What `by()` split by, and aggregates, as the query calls them.")
    ]


class FoundTrace(TraceSummary, frozen=True, kw_only=True):
    """A trace that a query found."""

    span_sets: Annotated[Sequence[SpanSet], Meta(description="One, or one for each group of `by()`: at most 20.")]


class FoundTraceList(_Json, frozen=True, kw_only=True):
    """A page of traces, newest first. It can be short, even empty, and still have a next one."""

    items: Sequence[FoundTrace]
    next_cursor: NextCursor


class SeriesPoint(_Json, frozen=True, kw_only=True):
    """What was measured in one step."""

    time: Annotated[Time, Meta(description="When the step begins.")]
    value: float | None


class Series(_Json, frozen=True, kw_only=True):
    """What was measured of one group of spans, in the order of time."""

    labels: Annotated[
        Sequence[KeyValue],
        Meta(description="What `by()` names; `p` is a quantile, `__bucket` the upper end of a bucket of a histogram."),
    ]
    points: Annotated[Sequence[SeriesPoint], Meta(description="Counts have all steps, others those with a number.")]


class TraceMetrics(_Json, frozen=True, kw_only=True):
    """The answer to a query that ends with a metric. Durations are in seconds, rates in spans a second."""

    series: Annotated[Sequence[Series], Meta(description="Those with the most spans first.")]
    start: Time
    end: Time
    step: Annotated[Milliseconds, Meta(description="Steps begin at multiples of it since 1970.")]
    truncated: Annotated[bool, Meta(description="Whether rarer series were left out to bound the answer.")]


QUERY_ANSWERS: tuple[type[msgspec.Struct], ...] = (FoundTraceList, TraceMetrics)
