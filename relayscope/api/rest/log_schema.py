"""The JSON of log records."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import AnyValue, Json, KeyValue, NextCursor, Resource, Scope, Time, UnixNano


class LogRecord(Json, frozen=True, kw_only=True):
    """One log record, without loss."""

    trace_id: Annotated[str | None, Meta(description="32 hex digits; null when the record belongs to no trace.")]
    span_id: Annotated[str | None, Meta(description="16 hex digits; null when the record belongs to no span.")]
    timestamp: Annotated[
        Time, Meta(description="When it happened; when it was observed, if that is all that is known.")
    ]
    time_unix_nano: Annotated[UnixNano, Meta(description="When it happened; 0 when the sender did not know.")]
    observed_time_unix_nano: UnixNano
    component: Annotated[str, Meta(description="The service.")]
    severity: Annotated[
        str, Meta(description="trace, debug, info, warn, error, fatal or unspecified.", examples=["info"])
    ]
    severity_number: Annotated[int, Meta(description="OpenTelemetry's number, 1 to 24; 0 when it is unspecified.")]
    severity_text: Annotated[str, Meta(description="As the sender wrote it.")]
    event_name: Annotated[str, Meta(description="The name of the event; empty when the record is none.")]
    message: Annotated[str, Meta(description="The body as text.")]
    body: AnyValue
    tags: Annotated[Mapping[str, str], Meta(description="The attributes as text.")]
    attributes: Annotated[Sequence[KeyValue], Meta(description="The attributes without loss of their types.")]
    flags: int
    dropped_attributes_count: int
    resource: Resource
    scope: Scope
    redactions: Annotated[Mapping[str, int], Meta(description="How many values were redacted, by entity.")]
    redacted_keys: Annotated[
        Mapping[str, Mapping[str, int]],
        Meta(description="The same below each attribute key, or other place of the record."),
    ]
    redaction_policy: Annotated[
        str,
        Meta(
            description="Hash of the policy and version of the engine that redacted; empty when nothing was redacted."
        ),
    ]


class LogRecordList(Json, frozen=True, kw_only=True):
    """A page of log records: of a trace, the earliest first; of a search, newest first."""

    items: Sequence[LogRecord]
    next_cursor: NextCursor


LOG_ANSWERS: tuple[type[msgspec.Struct], ...] = (LogRecordList,)
