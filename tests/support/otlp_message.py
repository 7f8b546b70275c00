"""Spans and log records as the messages of OTLP's export requests: the naive twin of what ``relayscope.otlp.wire`` writes.

Source: opentelemetry/proto/{trace,logs,common,resource}/v1. What Relayscope knows besides (receipts of redaction, ids
that it gave) is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableSequence
from typing import Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from relayscope.otlp.run import resource_runs
from tracedata import Attributes, Event, Link, LogRecord, Resource, Scope, Span, Value


class _Attributed(Protocol):
    """A message with attributes."""

    @property
    def attributes(self) -> MutableSequence[KeyValue]: ...


def traces_request(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """The spans as one request, in their order. They have been through the processors, so every field fits.

    Raises:
        ValueError, TypeError: a value that OTLP has no place for, such as an integer of more than 64 bits.
    """
    request = ExportTraceServiceRequest()
    for resource, of_resource in resource_runs(spans):
        resource_spans = request.resource_spans.add(schema_url=resource.schema_url)
        _fill_resource(resource_spans.resource, resource)
        for scope, of_scope in of_resource:
            scope_spans = resource_spans.scope_spans.add(schema_url=scope.schema_url)
            _fill_scope(scope_spans.scope, scope)
            for span in of_scope:
                _fill_span(scope_spans.spans.add(), span)
    return request


def logs_request(records: Iterable[LogRecord]) -> ExportLogsServiceRequest:
    """The log records as one request; see ``traces_request``."""
    request = ExportLogsServiceRequest()
    for resource, of_resource in resource_runs(records):
        resource_logs = request.resource_logs.add(schema_url=resource.schema_url)
        _fill_resource(resource_logs.resource, resource)
        for scope, of_scope in of_resource:
            scope_logs = resource_logs.scope_logs.add(schema_url=scope.schema_url)
            _fill_scope(scope_logs.scope, scope)
            for record in of_scope:
                _fill_log_record(scope_logs.log_records.add(), record)
    return request


def _fill_resource(message: resource_pb2.Resource, resource: Resource) -> None:
    # Present even when it is empty, as senders have it.
    message.SetInParent()
    message.dropped_attributes_count = resource.dropped_attributes_count
    _fill_attributes(message, resource.attributes)


def _fill_scope(message: InstrumentationScope, scope: Scope) -> None:
    message.SetInParent()
    message.name = scope.name
    message.version = scope.version
    message.dropped_attributes_count = scope.dropped_attributes_count
    _fill_attributes(message, scope.attributes)


def _fill_span(message: trace_pb2.Span, span: Span) -> None:
    message.trace_id = span.trace_id
    message.span_id = span.span_id
    message.parent_span_id = span.parent_span_id
    message.trace_state = span.trace_state
    message.flags = span.flags
    message.name = span.name
    # Enums are open: numbers that nobody has given a name are kept.
    message.kind = trace_pb2.Span.SpanKind.ValueType(span.kind)
    message.start_time_unix_nano = span.start_time_unix_nano
    message.end_time_unix_nano = span.end_time_unix_nano
    _fill_attributes(message, span.attributes)
    message.dropped_attributes_count = span.dropped_attributes_count
    for event in span.events:
        _fill_event(message.events.add(), event)
    message.dropped_events_count = span.dropped_events_count
    for link in span.links:
        _fill_link(message.links.add(), link)
    message.dropped_links_count = span.dropped_links_count
    if span.status_code or span.status_message:
        message.status.code = trace_pb2.Status.StatusCode.ValueType(span.status_code)
        message.status.message = span.status_message


def _fill_event(message: trace_pb2.Span.Event, event: Event) -> None:
    message.time_unix_nano = event.time_unix_nano
    message.name = event.name
    message.dropped_attributes_count = event.dropped_attributes_count
    _fill_attributes(message, event.attributes)


def _fill_link(message: trace_pb2.Span.Link, link: Link) -> None:
    message.trace_id = link.trace_id
    message.span_id = link.span_id
    message.trace_state = link.trace_state
    message.flags = link.flags
    message.dropped_attributes_count = link.dropped_attributes_count
    _fill_attributes(message, link.attributes)


def _fill_log_record(message: logs_pb2.LogRecord, record: LogRecord) -> None:
    message.trace_id = record.trace_id
    message.span_id = record.span_id
    message.flags = record.flags
    message.time_unix_nano = record.time_unix_nano
    message.observed_time_unix_nano = record.observed_time_unix_nano
    message.severity_number = logs_pb2.SeverityNumber.ValueType(record.severity_number)
    message.severity_text = record.severity_text
    message.event_name = record.event_name
    if record.body is not None:
        message.body.CopyFrom(any_value(record.body))
    message.dropped_attributes_count = record.dropped_attributes_count
    _fill_attributes(message, record.attributes)


def _fill_attributes(message: _Attributed, attributes: Attributes) -> None:
    if attributes:
        message.attributes.extend([_key_value(key, value) for key, value in attributes.items()])


def _key_value(key: str, value: Value) -> KeyValue:
    if type(value) is str:
        return KeyValue(key=key, value=AnyValue(string_value=value))
    return KeyValue(key=key, value=any_value(value))


def any_value(value: Value) -> AnyValue:
    """A value in the member of ``AnyValue`` for its type; none of them for the empty value."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    # A boolean is an integer to Python.
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    message = AnyValue()
    if isinstance(value, Mapping):
        # Set, even when nothing is in it.
        message.kvlist_value.SetInParent()
        message.kvlist_value.values.extend([_key_value(key, item) for key, item in value.items()])
    elif value is not None:
        message.array_value.SetInParent()
        message.array_value.values.extend([any_value(item) for item in value])
    return message
