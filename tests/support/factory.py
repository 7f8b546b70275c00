"""Spans, batches and searches for tests: valid by default, with fresh ids, every field open to override."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from msgspec.structs import replace

from storage.api import DEFAULT_WORKSPACE_ID, SearchCursor, Tag, TraceSearch, Window
from tracedata import Attributes, Batch, Event, Link, LogRecord, Resource, Scope, Span, SpanKind, Value

# 2026-01-15T12:00:00Z: every span starts here unless told otherwise.
BASE_US = 1_768_478_400_000_000
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
MS_NS = 1_000_000
MAX_UINT32 = 2**32 - 1
MAX_UINT64 = 2**64 - 1
MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)


class SpanFields(TypedDict, total=False):
    """The fields of ``Span``, none required."""

    trace_id: bytes
    span_id: bytes
    resource: Resource
    scope: Scope
    parent_span_id: bytes
    trace_state: str
    flags: int
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Attributes
    dropped_attributes_count: int
    events: Sequence[Event]
    dropped_events_count: int
    links: Sequence[Link]
    dropped_links_count: int
    status_code: int
    status_message: str
    redactions: Mapping[str, int]
    redacted_keys: Mapping[str, Mapping[str, int]]
    redaction_policy: str


class LogRecordFields(TypedDict, total=False):
    """The fields of ``LogRecord``, none required."""

    trace_id: bytes
    span_id: bytes
    resource: Resource
    scope: Scope
    flags: int
    time_unix_nano: int
    observed_time_unix_nano: int
    severity_number: int
    severity_text: str
    event_name: str
    body: Value
    attributes: Attributes
    dropped_attributes_count: int
    redactions: Mapping[str, int]
    redacted_keys: Mapping[str, Mapping[str, int]]
    redaction_policy: str


class SearchFields(TypedDict, total=False):
    """The fields of ``TraceSearch``, none required."""

    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    service: str | None
    operation: str | None
    min_duration_ns: int | None
    max_duration_ns: int | None
    status_codes: Sequence[int]
    tags: Sequence[Tag]
    after: SearchCursor | None


def trace_id() -> bytes:
    """A fresh id of 16 bytes."""
    return secrets.token_bytes(16)


def span_id() -> bytes:
    """A fresh id of 8 bytes."""
    return secrets.token_bytes(8)


def workspace() -> int:
    """A fresh workspace, so that one store can serve many examples."""
    return 1_000 + secrets.randbelow(2**31 - 1_000)


def resource(service: str = "checkout", attributes: Attributes | None = None) -> Resource:
    """A resource of ``service``, with more attributes if given."""
    named: dict[str, Value] = {"service.name": service}
    return Resource(attributes={**named, **(attributes or {})})


def span(
    *, service: str = "checkout", at_us: int = 0, lasting_ns: int = 5 * MS_NS, **fields: Unpack[SpanFields]
) -> Span:
    """A server span of ``service`` that starts ``at_us`` microseconds after ``BASE_US``."""
    start = (BASE_US + at_us) * 1_000
    made = Span(
        trace_id=trace_id(),
        span_id=span_id(),
        resource=resource(service),
        scope=Scope(name="tests.instrumentation", version="1.2.3"),
        name="GET /cart",
        kind=SpanKind.SERVER,
        start_time_unix_nano=start,
        end_time_unix_nano=start + lasting_ns,
    )
    return replace(made, **fields)


def log_record(*, service: str = "checkout", at_us: int = 0, **fields: Unpack[LogRecordFields]) -> LogRecord:
    """A record of ``service``, of a fresh span, that was written ``at_us`` microseconds after ``BASE_US``."""
    made = LogRecord(
        trace_id=trace_id(),
        span_id=span_id(),
        resource=resource(service),
        scope=Scope(name="tests.logger"),
        time_unix_nano=(BASE_US + at_us) * 1_000,
        severity_number=9,
        body="the cart was opened",
    )
    return replace(made, **fields)


def full_log_record(**fields: Unpack[LogRecordFields]) -> LogRecord:
    """A record on which every field holds something other than its default."""
    made = log_record(
        flags=1,
        time_unix_nano=BASE_US * 1_000 + 123,
        observed_time_unix_nano=BASE_US * 1_000 + 456_789,
        severity_number=17,
        severity_text="ERROR",
        event_name="gen_ai.choice",
        body={"message": {"role": "assistant", "content": "Paris"}, "index": 0},
        attributes={"gen_ai.system": "openai", "score": 1.0},
        dropped_attributes_count=1,
        redactions={"EMAIL_ADDRESS": 2},
        redacted_keys={"body": {"EMAIL_ADDRESS": 2}},
        redaction_policy="0123456789abcdef/1",
        resource=full_resource(),
        scope=full_scope(),
    )
    return replace(made, **fields)


def merged(*parts: SpanFields) -> SpanFields:
    """The fields of all parts; later ones win."""
    whole = SpanFields()
    for part in parts:
        whole.update(part)
    return whole


def full_span(**fields: Unpack[SpanFields]) -> Span:
    """A span on which every field holds something other than its default."""
    made = span(
        parent_span_id=span_id(),
        trace_state="vendor=1,other=2",
        flags=0x301,
        start_time_unix_nano=BASE_US * 1_000 + 123,
        end_time_unix_nano=BASE_US * 1_000 + 123_456_789,
        attributes={"http.status_code": 200},
        dropped_attributes_count=1,
        events=(full_event(), full_event(time_unix_nano=BASE_US * 1_000 + 7)),
        dropped_events_count=2,
        links=(full_link(), full_link(span_id=span_id())),
        dropped_links_count=3,
        status_code=2,
        status_message="card refused",
        redactions={"EMAIL_ADDRESS": 2, "PHONE_NUMBER": 1},
        redacted_keys={"user.email": {"EMAIL_ADDRESS": 2}, "name": {"PHONE_NUMBER": 1}},
        redaction_policy="0123456789abcdef/1",
        resource=full_resource(),
        scope=full_scope(),
    )
    return replace(made, **fields)


def resent(sent: Span) -> Span:
    """The same span once more, made of new objects, as a second delivery brings it."""
    return replace(
        sent,
        attributes=dict(sent.attributes),
        resource=replace(sent.resource, attributes=dict(sent.resource.attributes)),
        scope=replace(sent.scope, attributes=dict(sent.scope.attributes)),
        events=[replace(event) for event in sent.events],
        links=[replace(link) for link in sent.links],
    )


def full_event(*, time_unix_nano: int = BASE_US * 1_000 + 1, name: str = "retry") -> Event:
    """An event with every field set."""
    return Event(time_unix_nano=time_unix_nano, name=name, attributes={"attempt": 2}, dropped_attributes_count=4)


def full_link(*, span_id: bytes = b"\x01" * 8) -> Link:
    """A link with every field set."""
    return Link(
        trace_id=b"\x02" * 16,
        span_id=span_id,
        trace_state="linked=yes",
        attributes={"reason": "batch"},
        dropped_attributes_count=5,
        flags=1,
    )


def full_resource(service: str = "checkout") -> Resource:
    """A resource with every field set."""
    return Resource(
        attributes={"service.name": service, "host.cpus": 4},
        dropped_attributes_count=6,
        schema_url="https://opentelemetry.io/schemas/1.37.0",
    )


def full_scope() -> Scope:
    """A scope with every field set."""
    return Scope(
        name="tests.instrumentation",
        version="1.2.3",
        attributes={"library.language": "python"},
        dropped_attributes_count=7,
        schema_url="https://opentelemetry.io/schemas/1.36.0",
    )


def batch(*spans: Span, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Batch:
    """The spans as one batch."""
    return Batch(workspace_id=workspace_id, spans=spans)


def log_batch(*records: LogRecord, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Batch:
    """The records as one batch."""
    return Batch(workspace_id=workspace_id, log_records=records)


def search(**fields: Unpack[SearchFields]) -> TraceSearch:
    """A search for everything within an hour of ``BASE_US``, at most 20 traces."""
    everything = TraceSearch(
        workspace_id=DEFAULT_WORKSPACE_ID, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US, limit=20
    )
    return replaced_search(everything, **fields)


def window(*, workspace_id: int = DEFAULT_WORKSPACE_ID, start_us: int = -HOUR_US, end_us: int = HOUR_US) -> Window:
    """A window around ``BASE_US``; both ends are offsets from it."""
    return Window(workspace_id=workspace_id, start_us=BASE_US + start_us, end_us=BASE_US + end_us)


def replaced_search(original: TraceSearch, **fields: Unpack[SearchFields]) -> TraceSearch:
    """The same search with some fields changed."""
    return replace(original, **fields)
