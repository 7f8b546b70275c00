"""The JSON of what went wrong in a trace, and where else."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from relayscope.api.rest.log_schema import LogRecord
from relayscope.api.rest.schema import Json, Milliseconds, SpanId, Time, TraceId, UnixNano
from relayscope.api.rest.trace_detail_schema import Kind, ParentId


class TraceException(Json, frozen=True, kw_only=True):
    """An exception event of a span."""

    timestamp: Time
    type: str
    message: str
    stack_trace: str


class Signature(Json, frozen=True, kw_only=True):
    """What is equal where the same trouble comes again."""

    service: str
    operation: str
    type: Annotated[str, Meta(description="exception.type, or error.type; empty when nobody told.")]
    message: Annotated[
        str, Meta(description="The status message, or that of the exception, with marks in place of numbers and ids.")
    ]


class TraceFailure(Json, frozen=True, kw_only=True):
    """A span that failed."""

    span_id: SpanId
    parent_span_id: ParentId
    service: str
    operation: str
    kind: Kind
    start_time_unix_nano: UnixNano
    duration: Milliseconds
    depth: Annotated[int, Meta(description="Spans above it.")]
    is_origin: Annotated[bool, Meta(description="Whether no span below it failed.")]
    caused_by: Annotated[Sequence[SpanId], Meta(description="The nearest spans below it that failed.")]
    propagated_to: Annotated[SpanId | None, Meta(description="The nearest span above it that failed.")]
    message: str
    type: str
    exceptions: Annotated[Sequence[TraceException], Meta(description="In their order; the last one escaped.")]
    signature: Signature


class RelatedTrace(Json, frozen=True, kw_only=True):
    """Another trace in which the same happened."""

    trace_id: TraceId
    span_id: SpanId
    timestamp: Time
    message: str


class RelatedErrors(Json, frozen=True, kw_only=True):
    """Where else the same happened, newest first."""

    signature: Signature
    traces: Sequence[RelatedTrace]
    sampled_spans: Annotated[int, Meta(description="How many of the newest spans of the service were looked at.")]
    complete: Annotated[bool, Meta(description="Whether these are all spans of the window, and all traces are here.")]


class TraceErrors(Json, frozen=True, kw_only=True):
    """What went wrong in a trace."""

    trace_id: TraceId
    error_count: int
    items: Annotated[Sequence[TraceFailure], Meta(description="The deepest first, then by time: causes come first.")]
    next_cursor: None
    truncated: Annotated[bool, Meta(description="More spans failed than are here.")]
    complete: Annotated[bool, Meta(description="Whether all spans of the trace were looked at: up to 200,000 are.")]
    logs: Annotated[Sequence[LogRecord], Meta(description="Records of severity error and above, the earliest first.")]
    related: Annotated[Sequence[RelatedErrors], Meta(description="For the first five signatures of origins.")]
    start: Annotated[Time, Meta(description="Where related errors were looked for.")]
    end: Time


TRACE_ERROR_ANSWERS: tuple[type[msgspec.Struct], ...] = (TraceErrors,)
