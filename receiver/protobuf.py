"""OTLP traces and logs in protobuf to batches. The hot path: every attribute access on a message costs, so there are few.

Source: opentelemetry/proto/collector/{trace,logs}/v1/*_service.proto and the messages that they name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.error import DecodeFailedError
from receiver.identity import (
    INVALID_PARENT,
    INVALID_SPAN_ID,
    INVALID_TRACE_ID,
    MALFORMED_LOG_RECORD,
    MALFORMED_SPAN,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    optional_id,
    rejection,
)
from receiver.protobuf_repair import LOGS, TRACES, ProtobufRepair
from receiver.repair import marked
from receiver.slice import log_slices, span_slices
from receiver.wire import malformed
from tracedata import Batch, Event, Link, LogRecord, Resource, Scope, Span, Value

_Request = TypeVar("_Request", ExportTraceServiceRequest, ExportLogsServiceRequest)


def decode_traces(data: bytes, workspace_id: int) -> Batch:
    """All spans of an ``ExportTraceServiceRequest`` in one batch; see ``slice_traces``."""
    (batch,) = slice_traces(data, workspace_id, max_items=sys.maxsize)
    return batch


def decode_logs(data: bytes, workspace_id: int) -> Batch:
    """All log records of an ``ExportLogsServiceRequest`` in one batch; see ``slice_logs``."""
    (batch,) = slice_logs(data, workspace_id, max_items=sys.maxsize)
    return batch


def slice_traces(data: bytes, workspace_id: int, *, max_items: int) -> Iterator[Batch]:
    """The spans of an ``ExportTraceServiceRequest``, in order; those without usable ids are counted instead.

    Spans of one ``ResourceSpans`` share their resource by identity, those of one ``ScopeSpans`` their scope. Text that
    is not UTF-8 is repaired, and a span that is no message is counted too. Each batch but the last has ``max_items``.

    Raises:
        DecodeFailedError: the bytes are not such a message; never after the first batch.
    """
    request, lost = _parsed(data, ExportTraceServiceRequest, TRACES)
    # The caller may have let go of it, too.
    del data
    rejections = {MALFORMED_SPAN: lost} if lost else {}
    yield from span_slices(_spans(request), workspace_id=workspace_id, max_items=max_items, rejections=rejections)


def slice_logs(data: bytes, workspace_id: int, *, max_items: int) -> Iterator[Batch]:
    """The same for the log records of an ``ExportLogsServiceRequest``; ids that are none are left out of a record, with a mark."""
    request, lost = _parsed(data, ExportLogsServiceRequest, LOGS)
    del data
    rejections = {MALFORMED_LOG_RECORD: lost} if lost else {}
    yield from log_slices(_log_records(request), workspace_id=workspace_id, max_items=max_items, rejections=rejections)


def _parsed(data: bytes, kind: type[_Request], repair: ProtobufRepair) -> tuple[_Request, int]:
    """The request, and how many of its items are not in it because they are no messages."""
    try:
        return kind.FromString(data), 0
    except DecodeError:
        # The decoder does not tell text that is not UTF-8 from other faults; the repair does.
        repaired, lost = repair.repaired(data)
    try:
        return kind.FromString(repaired), lost
    except DecodeError as exc:
        raise DecodeFailedError(malformed(kind.DESCRIPTOR.name)) from exc


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span | str]:
    """Spans, and the reason classes of those that are left out."""
    for resource_spans in request.resource_spans:
        resource = _resource(resource_spans.resource, resource_spans.schema_url)
        for scope_spans in resource_spans.scope_spans:
            scope = _scope(scope_spans.scope, scope_spans.schema_url)
            for span in scope_spans.spans:
                yield rejection(span.trace_id, span.span_id) or _span(span, resource, scope)


def _log_records(request: ExportLogsServiceRequest) -> Iterator[LogRecord]:
    for resource_logs in request.resource_logs:
        resource = _resource(resource_logs.resource, resource_logs.schema_url)
        for scope_logs in resource_logs.scope_logs:
            scope = _scope(scope_logs.scope, scope_logs.schema_url)
            for record in scope_logs.log_records:
                yield _log_record(record, resource, scope)


def _resource(message: resource_pb2.Resource, schema_url: str) -> Resource:
    return Resource(
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        schema_url=schema_url,
    )


def _scope(message: InstrumentationScope, schema_url: str) -> Scope:
    return Scope(
        name=message.name,
        version=message.version,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        schema_url=schema_url,
    )


def _span(message: trace_pb2.Span, resource: Resource, scope: Scope) -> Span:
    status = message.status
    parent = optional_id(message.parent_span_id, SPAN_ID_BYTES)
    attributes = _attributes(message.attributes)
    return Span(
        trace_id=message.trace_id,
        span_id=message.span_id,
        resource=resource,
        scope=scope,
        parent_span_id=parent or b"",
        trace_state=message.trace_state,
        flags=message.flags,
        name=message.name,
        kind=message.kind,
        start_time_unix_nano=message.start_time_unix_nano,
        end_time_unix_nano=message.end_time_unix_nano,
        attributes=attributes if parent is not None else marked(attributes, INVALID_PARENT),
        dropped_attributes_count=message.dropped_attributes_count,
        events=[_event(event) for event in message.events],
        dropped_events_count=message.dropped_events_count,
        links=[_link(link) for link in message.links],
        dropped_links_count=message.dropped_links_count,
        status_code=status.code,
        status_message=status.message,
    )


def _event(message: trace_pb2.Span.Event) -> Event:
    return Event(
        time_unix_nano=message.time_unix_nano,
        name=message.name,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
    )


def _link(message: trace_pb2.Span.Link) -> Link:
    return Link(
        trace_id=message.trace_id,
        span_id=message.span_id,
        trace_state=message.trace_state,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        flags=message.flags,
    )


def _log_record(message: logs_pb2.LogRecord, resource: Resource, scope: Scope) -> LogRecord:
    trace_id = optional_id(message.trace_id, TRACE_ID_BYTES)
    span_id = optional_id(message.span_id, SPAN_ID_BYTES)
    invalid = [*([INVALID_TRACE_ID] if trace_id is None else ()), *([INVALID_SPAN_ID] if span_id is None else ())]
    return LogRecord(
        resource=resource,
        scope=scope,
        trace_id=trace_id or b"",
        span_id=span_id or b"",
        flags=message.flags,
        time_unix_nano=message.time_unix_nano,
        observed_time_unix_nano=message.observed_time_unix_nano,
        severity_number=message.severity_number,
        severity_text=message.severity_text,
        event_name=message.event_name,
        body=_value(message.body),
        attributes=marked(_attributes(message.attributes), *invalid),
        dropped_attributes_count=message.dropped_attributes_count,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    attributes: dict[str, Value] = {}
    for pair in pairs:
        value = pair.value
        # The member that is set needs to be asked for only when the value is empty, zero, false, or no scalar.
        attributes[pair.key] = (
            value.string_value or value.int_value or value.double_value or value.bool_value or _value(value)
        )
    return attributes


def _value(message: AnyValue) -> Value:
    member = message.WhichOneof("value")
    if member == "string_value":
        return message.string_value
    if member == "int_value":
        return message.int_value
    if member == "bool_value":
        return message.bool_value
    if member == "double_value":
        return message.double_value
    if member == "bytes_value":
        return message.bytes_value
    if member == "array_value":
        return [_value(item) for item in message.array_value.values]
    if member == "kvlist_value":
        return _attributes(message.kvlist_value.values)
    # Nothing is set, or an index into the string table of the profiling signal, which these do not have.
    return None
