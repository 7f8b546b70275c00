"""The JSON of the REST API as types: encoded from these, documented from these, and read by the commands.

Times are ISO-8601 in UTC with nine fraction digits; durations are milliseconds. A field that is unset is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

TraceStatus: TypeAlias = Literal["success", "error", "timeout"]
SpanStatus: TypeAlias = Literal["success", "error"]

Time: TypeAlias = Annotated[str, Meta(examples=["2025-01-31T12:00:00.123456789Z"])]
UnixNano: TypeAlias = Annotated[
    str, Meta(description="Nanoseconds since 1970, as a string.", examples=["1738324800123456789"])
]
Milliseconds: TypeAlias = Annotated[float, Meta(description="Milliseconds.", examples=[12.5])]
TraceId: TypeAlias = Annotated[str, Meta(description="32 hex digits.", examples=["5b8efff798038103d269b633813fc60c"])]
SpanId: TypeAlias = Annotated[str, Meta(description="16 hex digits.", examples=["eee19b7ec3c1b174"])]
NextCursor: TypeAlias = Annotated[
    str | None, Meta(description="Pass it as cursor to get the next page; null on the last page.")
]
# ``Any``: msgspec has no schema for ``object``.
AnyValue: TypeAlias = Annotated[
    Mapping[str, Any],
    Meta(
        description="A value as OTLP/JSON writes it: one of stringValue, boolValue, intValue (a string), doubleValue "
        '(a number, or "NaN", "Infinity", "-Infinity"), bytesValue (base64), arrayValue, kvlistValue; {} when empty.',
        examples=[{"intValue": "1"}],
    ),
]


class Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class KeyValue(Json, frozen=True, kw_only=True):
    """An attribute without loss of its type."""

    key: str
    value: AnyValue


class ErrorDetails(Json, frozen=True, kw_only=True):
    """What went wrong: from the status, the attributes and the exception event of a span."""

    message: str
    code: str | UnsetType = UNSET
    stack: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class SpanEvent(Json, frozen=True, kw_only=True):
    """An event of a span."""

    timestamp: Time
    time_unix_nano: UnixNano
    name: str
    attributes: Annotated[
        Sequence[KeyValue], Meta(description="The same lossless list as a span's attributes, not a plain object.")
    ]
    dropped_attributes_count: int


class SpanLink(Json, frozen=True, kw_only=True):
    """A reference to another span."""

    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: Sequence[KeyValue]
    dropped_attributes_count: int


class Resource(Json, frozen=True, kw_only=True):
    """The entity that emitted the span."""

    attributes: Sequence[KeyValue]
    dropped_attributes_count: int
    schema_url: str


class Scope(Json, frozen=True, kw_only=True):
    """The instrumentation scope that made the span."""

    name: str
    version: str
    attributes: Sequence[KeyValue]
    dropped_attributes_count: int
    schema_url: str


class Span(Json, frozen=True, kw_only=True):
    """One span, without loss."""

    trace_id: TraceId
    span_id: SpanId
    parent_span_id: Annotated[str | None, Meta(description="null for a root.")]
    name: str
    kind: Annotated[
        str,
        Meta(
            description="unspecified, internal, server, client, producer or consumer; another number as it came.",
            examples=["server"],
        ),
    ]
    start_time: Time
    end_time: Time
    start_time_unix_nano: UnixNano
    end_time_unix_nano: UnixNano
    duration: Annotated[Milliseconds, Meta(description="Milliseconds; negative when the sender's clock stepped back.")]
    component: Annotated[str, Meta(description="The service.")]
    operation: Annotated[str, Meta(description="The name of the span.")]
    status: Annotated[SpanStatus, Meta(description="error when statusCode is ERROR.")]
    status_code: Annotated[str, Meta(description="UNSET, OK or ERROR; another number as it came.", examples=["UNSET"])]
    status_message: str
    error_details: ErrorDetails | UnsetType = UNSET
    tags: Annotated[Mapping[str, str], Meta(description="The attributes as text, in the form that searches compare.")]
    attributes: Annotated[Sequence[KeyValue], Meta(description="The attributes without loss of their types.")]
    events: Sequence[SpanEvent]
    links: Sequence[SpanLink]
    trace_state: str
    flags: int
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int
    resource: Resource
    scope: Scope
    redactions: Annotated[Mapping[str, int], Meta(description="How many values were redacted, by entity.")]
    redacted_keys: Annotated[
        Mapping[str, Mapping[str, int]],
        Meta(description="The same below each attribute key, or other place of the span."),
    ]
    redaction_policy: Annotated[
        str,
        Meta(
            description="Hash of the policy and version of the engine that redacted; empty when nothing was redacted."
        ),
    ]


class TraceSummary(Json, frozen=True, kw_only=True):
    """A trace without its spans."""

    trace_id: TraceId
    name: Annotated[str, Meta(description="The name of the root span; without one, of the earliest span.")]
    root_service: Annotated[str, Meta(description="The service of that span.")]
    start_time: Time
    end_time: Time
    duration: Annotated[float, Meta(description="Milliseconds from the earliest start to the latest end.")]
    status: Annotated[
        TraceStatus,
        Meta(
            description="timeout when a span with an error reports one (error.type, exception.type, HTTP 408 or 504, "
            "gRPC DEADLINE_EXCEEDED), else error when any span has an error, else success."
        ),
    ]
    error_details: ErrorDetails | UnsetType = UNSET
    span_count: int
    error_count: int
    services: Sequence[str]
    user_id: str | UnsetType = UNSET
    organization_id: str | UnsetType = UNSET
    request_path: str | UnsetType = UNSET
    request_method: str | UnsetType = UNSET


class Trace(TraceSummary, frozen=True, kw_only=True):
    """A trace with its spans, ordered by start and id."""

    spans: Sequence[Span]
    next_cursor: Annotated[
        str | None,
        Meta(description="null when all spans are here; else the cursor of /traces/{traceId}/spans for the others."),
    ]


class TraceList(Json, frozen=True, kw_only=True):
    """A page of traces, newest first."""

    items: Sequence[TraceSummary]
    next_cursor: NextCursor


class SpanList(Json, frozen=True, kw_only=True):
    """A page of the spans of a trace, ordered by start and id."""

    items: Sequence[Span]
    next_cursor: NextCursor


class ArchivedTrace(Json, frozen=True, kw_only=True):
    """A trace that is kept beyond retention."""

    trace_id: TraceId
    archived_at: Time
    span_count: Annotated[int, Meta(description="How many of its spans are kept so far.")]


ANSWERS: tuple[type[msgspec.Struct], ...] = (ArchivedTrace, Trace, TraceList, SpanList)
