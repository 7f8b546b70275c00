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


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Fields in camelCase."""


class KeyValue(_Json, frozen=True, kw_only=True):
    """An attribute without loss of its type."""

    key: str
    value: AnyValue


class ErrorDetails(_Json, frozen=True, kw_only=True):
    """What went wrong: from the status, the attributes and the exception event of a span."""

    message: str
    code: str | UnsetType = UNSET
    stack: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class SpanEvent(_Json, frozen=True, kw_only=True):
    """An event of a span."""

    timestamp: Time
    time_unix_nano: UnixNano
    name: str
    attributes: Annotated[
        Sequence[KeyValue], Meta(description="The same lossless list as a span's attributes, not a plain object.")
    ]
    dropped_attributes_count: int


class SpanLink(_Json, frozen=True, kw_only=True):
    """A reference to another span."""

    trace_id: str
    span_id: str
    trace_state: str
    flags: int
    attributes: Sequence[KeyValue]
    dropped_attributes_count: int


class Resource(_Json, frozen=True, kw_only=True):
    """The entity that emitted the span."""

    attributes: Sequence[KeyValue]
    dropped_attributes_count: int
    schema_url: str


class Scope(_Json, frozen=True, kw_only=True):
    """The instrumentation scope that made the span."""

    name: str
    version: str
    attributes: Sequence[KeyValue]
    dropped_attributes_count: int
    schema_url: str


class Span(_Json, frozen=True, kw_only=True):
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


class TraceSummary(_Json, frozen=True, kw_only=True):
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


class TraceList(_Json, frozen=True, kw_only=True):
    """A page of traces, newest first."""

    items: Sequence[TraceSummary]
    next_cursor: NextCursor


class SpanList(_Json, frozen=True, kw_only=True):
    """A page of the spans of a trace, ordered by start and id."""

    items: Sequence[Span]
    next_cursor: NextCursor


class LogRecord(_Json, frozen=True, kw_only=True):
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


class LogRecordList(_Json, frozen=True, kw_only=True):
    """A page of log records: of a trace, the earliest first; of a search, newest first."""

    items: Sequence[LogRecord]
    next_cursor: NextCursor


class Service(_Json, frozen=True, kw_only=True):
    """A service that sent spans."""

    name: str


class ServiceList(_Json, frozen=True, kw_only=True):
    """A page of services, sorted by name."""

    items: Sequence[Service]
    next_cursor: NextCursor


class Operation(_Json, frozen=True, kw_only=True):
    """A span name of a service."""

    name: str
    kind: Annotated[str, Meta(examples=["server"])]


class OperationList(_Json, frozen=True, kw_only=True):
    """A page of operations, sorted by name and kind."""

    items: Sequence[Operation]
    next_cursor: NextCursor


class ServiceNode(_Json, frozen=True, kw_only=True):
    """A service and the calls that entered it; or something that sends no spans itself, and the calls that services made to it."""

    service: Annotated[str, Meta(description="The name, whatever the kind.")]
    kind: Annotated[
        str, Meta(description="`service`, `database`, `messaging`, `model` or `external`.", examples=["service"])
    ]
    system: Annotated[str | None, Meta(description="Such as `postgresql` or `kafka`; none of a service.")]
    spans: int
    calls: Annotated[
        int, Meta(description="Spans that have no parent in the same service; of others, spans that name it.")
    ]
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class ServiceEdge(_Json, frozen=True, kw_only=True):
    """Calls from one to another, measured on the callee's spans, or on those of the service where the other end sends none."""

    source: str
    target: str
    kind: Annotated[
        str, Meta(description="`call` between services; else the kind of the end that is none.", examples=["call"])
    ]
    source_kind: Annotated[str, Meta(description="That of the node.", examples=["service"])]
    target_kind: Annotated[str, Meta(description="That of the node.", examples=["service"])]
    system: Annotated[str | None, Meta(description="That of the end that is no service.")]
    is_async: Annotated[bool, Meta(description="Whether it goes through messages, so that nobody waits for it.")] = (
        msgspec.field(name="async")
    )
    calls: int
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    calls_per_second: Annotated[float, Meta(description="Calls divided by the length of the window.")]


class ServiceMap(_Json, frozen=True, kw_only=True):
    """Who calls whom. A name and a kind, and a system where there is one, say which node an edge ends at."""

    nodes: Sequence[ServiceNode]
    edges: Sequence[ServiceEdge]
    start: Time
    end: Time
    truncated: Annotated[bool, Meta(description="Whether rarer nodes or edges were left out to bound the answer.")]


class Durability(_Json, frozen=True, kw_only=True):
    """The settings of PostgreSQL that make an acknowledged span survive a crash; all are on when healthy."""

    fsync: bool
    full_page_writes: bool
    synchronous_commit: bool


class Store(_Json, frozen=True, kw_only=True):
    """The database behind the API."""

    server_version: str
    schema_version: int
    durability: Durability


class IngestFigures(_Json, frozen=True, kw_only=True):
    """What all ingest workers of this run have done, those included that were replaced."""

    workers: Annotated[int, Meta(description="Ingest workers that should run.")]
    workers_up: Annotated[int, Meta(description="Ingest workers that are ready.")]
    restarts: Annotated[int, Meta(description="Processes that ended by themselves and were started again.")]
    accepted_spans: Annotated[int, Meta(description="Spans acknowledged to their senders.")]
    rejected_spans: Annotated[int, Meta(description="Spans left out of accepted requests.")]
    committed_spans: Annotated[int, Meta(description="Spans in committed groups.")]
    refused_requests: Annotated[int, Meta(description="Requests answered with an error.")]
    failed_commits: Annotated[int, Meta(description="Groups whose senders were told to try again.")]
    accepted_log_records: Annotated[int, Meta(description="Log records acknowledged to their senders.")]
    rejected_log_records: Annotated[int, Meta(description="Log records left out of accepted requests.")]
    committed_log_records: Annotated[int, Meta(description="Log records in committed groups.")]
    queued_rows: Annotated[
        int, Meta(description="Rows of spans, log records and what is made of them that wait for a commit now.")
    ]
    queued_bytes: Annotated[int, Meta(description="Bytes that wait for a commit now.")]


class TelemetryHealth(_Json, frozen=True, kw_only=True):
    """Whether the system can be trusted with traces."""

    status: Annotated[
        Literal["ok", "degraded"], Meta(description="degraded when a crash could lose acknowledged spans.")
    ]
    version: Annotated[str, Meta(description="The version of Relayscope.")]
    store: Store
    ingest: Annotated[IngestFigures | None, Meta(description="null when this API stands alone.")]


class Liveness(_Json, frozen=True, kw_only=True):
    """An answer to a probe."""

    status: Annotated[str, Meta(examples=["ok"])]


class RedactionCount(_Json, frozen=True, kw_only=True):
    """How often an entity was redacted at one place."""

    entity: Annotated[str, Meta(examples=["EMAIL_ADDRESS"])]
    key: Annotated[str, Meta(description="The attribute key, or another place such as `name` or `body`.")]
    values: Annotated[int, Meta(description="Values that were redacted.")]
    spans: Annotated[int, Meta(description="Spans and log records in which they stood.")]


class RedactionStatistics(_Json, frozen=True, kw_only=True):
    """What was redacted in a window."""

    items: Sequence[RedactionCount]
    next_cursor: str | None
    start: str
    end: str
    policy_hash: Annotated[str, Meta(description="The policy in force now.")]


class RedactionPolicy(_Json, frozen=True, kw_only=True):
    """The policy in force."""

    enabled: bool
    policy_hash: Annotated[str, Meta(description="Names the policy in receipts and in the audit log.")]
    policy: Annotated[Mapping[str, Any], Meta(description="All of it, as in the configuration file.")]


class AuditEntry(_Json, frozen=True, kw_only=True):
    """One act."""

    audit_id: int
    at: str
    actor: Annotated[str, Meta(description="The account that did it, and its machine.")]
    action: Annotated[str, Meta(examples=["redaction_policy"])]
    detail: Mapping[str, Any]


class AuditList(_Json, frozen=True, kw_only=True):
    """Acts, newest first."""

    items: Sequence[AuditEntry]
    next_cursor: str | None


ANSWERS: tuple[type[msgspec.Struct], ...] = (
    RedactionStatistics,
    RedactionPolicy,
    AuditList,
    Trace,
    TraceList,
    SpanList,
    LogRecordList,
    ServiceList,
    OperationList,
    ServiceMap,
    TelemetryHealth,
    Liveness,
)
