"""Kernel spans as OTLP messages and back, written from the .proto files alone: the receiver's code is under test."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs, SeverityNumber
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from tests.support.canonical import canonical
from tracedata import Attributes, Event, Link, LogRecord, Resource, Scope, Span, Value

_NON_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def export_request(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """The spans as one request; neighbours that share a resource or scope share its message."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=_resource_message(same_resource[0].resource),
                schema_url=same_resource[0].resource.schema_url,
                scope_spans=[_scope_spans(same_scope) for same_scope in _grouped(same_resource, "scope")],
            )
            for same_resource in _grouped(spans, "resource")
        ]
    )


def logs_export_request(records: Iterable[LogRecord]) -> ExportLogsServiceRequest:
    """The log records as one request, each with its own resource and scope."""
    return ExportLogsServiceRequest(
        resource_logs=[
            ResourceLogs(
                resource=_resource_message(record.resource),
                schema_url=record.resource.schema_url,
                scope_logs=[_scope_logs(record)],
            )
            for record in records
        ]
    )


def _scope_logs(record: LogRecord) -> ScopeLogs:
    message = LogRecordMessage(
        trace_id=record.trace_id,
        span_id=record.span_id,
        flags=record.flags,
        time_unix_nano=record.time_unix_nano,
        observed_time_unix_nano=record.observed_time_unix_nano,
        severity_text=record.severity_text,
        event_name=record.event_name,
        body=_any_value(record.body),
        attributes=_key_values(record.attributes),
        dropped_attributes_count=record.dropped_attributes_count,
    )
    message.severity_number = SeverityNumber.ValueType(record.severity_number)
    return ScopeLogs(scope=_scope_message(record.scope), schema_url=record.scope.schema_url, log_records=[message])


def _scope_message(scope: Scope) -> InstrumentationScope:
    return InstrumentationScope(
        name=scope.name,
        version=scope.version,
        attributes=_key_values(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes_count,
    )


def _grouped(spans: Iterable[Span], field: str) -> list[list[Span]]:
    return [list(group) for _, group in groupby(spans, key=lambda span: canonical(getattr(span, field)))]


def _resource_message(resource: Resource) -> ResourceMessage:
    return ResourceMessage(
        attributes=_key_values(resource.attributes), dropped_attributes_count=resource.dropped_attributes_count
    )


def _scope_spans(spans: Sequence[Span]) -> ScopeSpans:
    scope = spans[0].scope
    return ScopeSpans(
        scope=_scope_message(scope), schema_url=scope.schema_url, spans=[_span_message(span) for span in spans]
    )


def _span_message(span: Span) -> SpanMessage:
    message = SpanMessage(
        trace_id=span.trace_id,
        span_id=span.span_id,
        trace_state=span.trace_state,
        parent_span_id=span.parent_span_id,
        flags=span.flags,
        name=span.name,
        start_time_unix_nano=span.start_time_unix_nano,
        end_time_unix_nano=span.end_time_unix_nano,
        attributes=_key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes_count,
        events=[_event_message(event) for event in span.events],
        dropped_events_count=span.dropped_events_count,
        links=[_link_message(link) for link in span.links],
        dropped_links_count=span.dropped_links_count,
        status=StatusMessage(message=span.status_message, code=StatusMessage.StatusCode.ValueType(span.status_code)),
    )
    message.kind = SpanMessage.SpanKind.ValueType(span.kind)
    return message


def _event_message(event: Event) -> SpanMessage.Event:
    return SpanMessage.Event(
        time_unix_nano=event.time_unix_nano,
        name=event.name,
        attributes=_key_values(event.attributes),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _link_message(link: Link) -> SpanMessage.Link:
    return SpanMessage.Link(
        trace_id=link.trace_id,
        span_id=link.span_id,
        trace_state=link.trace_state,
        attributes=_key_values(link.attributes),
        dropped_attributes_count=link.dropped_attributes_count,
        flags=link.flags,
    )


def _key_values(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: Value) -> AnyValue:
    message = AnyValue()
    if isinstance(value, str):
        message.string_value = value
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, bytes):
        message.bytes_value = value
    elif isinstance(value, Mapping):
        message.kvlist_value.SetInParent()
        message.kvlist_value.values.extend(_key_values(value))
    elif value is not None:
        message.array_value.SetInParent()
        message.array_value.values.extend(_any_value(item) for item in value)
    return message


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    """The spans of a request, in order."""
    return [
        _span(message, resource=resource, scope=scope)
        for resource_spans in request.resource_spans
        for resource in [_resource(resource_spans)]
        for scope_spans in resource_spans.scope_spans
        for scope in [_scope(scope_spans)]
        for message in scope_spans.spans
    ]


def _resource(message: ResourceSpans) -> Resource:
    return Resource(
        attributes=_attributes(message.resource.attributes),
        dropped_attributes_count=message.resource.dropped_attributes_count,
        schema_url=message.schema_url,
    )


def _scope(message: ScopeSpans) -> Scope:
    return Scope(
        name=message.scope.name,
        version=message.scope.version,
        attributes=_attributes(message.scope.attributes),
        dropped_attributes_count=message.scope.dropped_attributes_count,
        schema_url=message.schema_url,
    )


def _span(message: SpanMessage, *, resource: Resource, scope: Scope) -> Span:
    return Span(
        resource=resource,
        scope=scope,
        trace_id=message.trace_id,
        span_id=message.span_id,
        trace_state=message.trace_state,
        parent_span_id=message.parent_span_id,
        flags=message.flags,
        name=message.name,
        kind=message.kind,
        start_time_unix_nano=message.start_time_unix_nano,
        end_time_unix_nano=message.end_time_unix_nano,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        events=[_event(event) for event in message.events],
        dropped_events_count=message.dropped_events_count,
        links=[_link(link) for link in message.links],
        dropped_links_count=message.dropped_links_count,
        status_code=message.status.code,
        status_message=message.status.message,
    )


def _event(message: SpanMessage.Event) -> Event:
    return Event(
        time_unix_nano=message.time_unix_nano,
        name=message.name,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
    )


def _link(message: SpanMessage.Link) -> Link:
    return Link(
        trace_id=message.trace_id,
        span_id=message.span_id,
        trace_state=message.trace_state,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        flags=message.flags,
    )


def _attributes(messages: Iterable[KeyValue]) -> dict[str, Value]:
    return {message.key: _value(message.value) for message in messages}


def _value(message: AnyValue) -> Value:
    field = message.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return [_value(item) for item in message.array_value.values]
    if field == "kvlist_value":
        return _attributes(message.kvlist_value.values)
    scalar: Value = getattr(message, field)
    return scalar


def export_json(spans: Iterable[Span]) -> str:
    """The spans as OTLP/JSON text: ids in hex, 64-bit integers as strings, enums as numbers, bytes in base64."""
    return json.dumps({"resourceSpans": [_json_resource_spans(group) for group in _grouped(spans, "resource")]})


def _json_resource_spans(spans: Sequence[Span]) -> dict[str, object]:
    resource = spans[0].resource
    return {
        "resource": {
            "attributes": _json_key_values(resource.attributes),
            "droppedAttributesCount": resource.dropped_attributes_count,
        },
        "scopeSpans": [_json_scope_spans(group) for group in _grouped(spans, "scope")],
        "schemaUrl": resource.schema_url,
    }


def _json_scope_spans(spans: Sequence[Span]) -> dict[str, object]:
    scope = spans[0].scope
    return {
        "scope": {
            "name": scope.name,
            "version": scope.version,
            "attributes": _json_key_values(scope.attributes),
            "droppedAttributesCount": scope.dropped_attributes_count,
        },
        "spans": [_json_span(span) for span in spans],
        "schemaUrl": scope.schema_url,
    }


def _json_span(span: Span) -> dict[str, object]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "traceState": span.trace_state,
        "parentSpanId": span.parent_span_id.hex(),
        "flags": span.flags,
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": _json_key_values(span.attributes),
        "droppedAttributesCount": span.dropped_attributes_count,
        "events": [_json_event(event) for event in span.events],
        "droppedEventsCount": span.dropped_events_count,
        "links": [_json_link(link) for link in span.links],
        "droppedLinksCount": span.dropped_links_count,
        "status": {"code": int(span.status_code), "message": span.status_message},
    }


def _json_event(event: Event) -> dict[str, object]:
    return {
        "timeUnixNano": str(event.time_unix_nano),
        "name": event.name,
        "attributes": _json_key_values(event.attributes),
        "droppedAttributesCount": event.dropped_attributes_count,
    }


def _json_link(link: Link) -> dict[str, object]:
    return {
        "traceId": link.trace_id.hex(),
        "spanId": link.span_id.hex(),
        "traceState": link.trace_state,
        "attributes": _json_key_values(link.attributes),
        "droppedAttributesCount": link.dropped_attributes_count,
        "flags": link.flags,
    }


def _json_key_values(attributes: Attributes) -> list[dict[str, object]]:
    return [{"key": key, "value": _json_value(value)} for key, value in attributes.items()]


def _json_value(value: Value) -> dict[str, object]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _json_key_values(value)}}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return {"arrayValue": {"values": [_json_value(item) for item in value]}}
    return _json_scalar(value)


def _json_scalar(value: str | bytes | float) -> dict[str, object]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": _json_double(value)}


def _json_double(value: float) -> float | str:
    return "NaN" if math.isnan(value) else _NON_FINITE.get(value, value)
