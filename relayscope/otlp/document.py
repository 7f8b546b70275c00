"""Spans and log records as OTLP/JSON: what the file exporter of the Collector writes, one request a line.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: names in lowerCamelCase, ids in hexadecimal,
64-bit integers as strings, bytes in base64, enums as numbers, fields with their default left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from relayscope.otlp.run import resource_runs
from relayscope.otlp.value import any_value
from tracedata import Attributes, Event, Link, LogRecord, Resource, Scope, Span

Document: TypeAlias = "dict[str, object]"

encode = msgspec.json.Encoder().encode
"""A document as JSON text, without line breaks."""


def traces_document(spans: Iterable[Span]) -> Document:
    """The spans as one ``ExportTraceServiceRequest``, in their order."""
    return {
        "resourceSpans": [
            resource_part(
                resource,
                scopeSpans=[
                    scope_part(scope, spans=[span_document(span) for span in within]) for scope, within in scopes
                ],
            )
            for resource, scopes in resource_runs(spans)
        ]
    }


def logs_document(records: Iterable[LogRecord]) -> Document:
    """The log records as one ``ExportLogsServiceRequest``, in their order."""
    return {
        "resourceLogs": [
            resource_part(
                resource,
                scopeLogs=[
                    scope_part(scope, logRecords=[_log_record(one) for one in within]) for scope, within in scopes
                ],
            )
            for resource, scopes in resource_runs(records)
        ]
    }


def resource_part(resource: Resource, **scopes: object) -> Document:
    """What a request has of a resource; ``scopes`` is a member with what is below it."""
    return _set(resource=resource_document(resource), **scopes, schemaUrl=resource.schema_url)


def scope_part(scope: Scope, **items: object) -> Document:
    """What a request has of a scope; ``items`` is a member with what is below it."""
    return _set(scope=scope_document(scope), **items, schemaUrl=scope.schema_url)


def _set(**members: object) -> Document:
    """The members that are not their default. An empty message is kept: that it is there says something."""
    return {name: member for name, member in members.items() if member or isinstance(member, dict)}


def resource_document(resource: Resource) -> Document:
    """A resource, without its schema's address, which stands beside it."""
    return _set(attributes=_attributes(resource.attributes), droppedAttributesCount=resource.dropped_attributes_count)


def scope_document(scope: Scope) -> Document:
    """A scope, without its schema's address, which stands beside it."""
    return _set(
        name=scope.name,
        version=scope.version,
        attributes=_attributes(scope.attributes),
        droppedAttributesCount=scope.dropped_attributes_count,
    )


def span_document(span: Span) -> Document:
    """A span, without its resource and scope."""
    document = _set(
        traceId=span.trace_id.hex(),
        spanId=span.span_id.hex(),
        traceState=span.trace_state,
        parentSpanId=span.parent_span_id.hex(),
        flags=span.flags,
        name=span.name,
        kind=int(span.kind),
        startTimeUnixNano=_int64(span.start_time_unix_nano),
        endTimeUnixNano=_int64(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=span.dropped_attributes_count,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events_count,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links_count,
    )
    if span.status_code or span.status_message:
        document["status"] = _set(message=span.status_message, code=int(span.status_code))
    return document


def _event(event: Event) -> Document:
    return _set(
        timeUnixNano=_int64(event.time_unix_nano),
        name=event.name,
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes_count,
    )


def _link(link: Link) -> Document:
    return _set(
        traceId=link.trace_id.hex(),
        spanId=link.span_id.hex(),
        traceState=link.trace_state,
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes_count,
        flags=link.flags,
    )


def _log_record(record: LogRecord) -> Document:
    document = _set(
        timeUnixNano=_int64(record.time_unix_nano),
        observedTimeUnixNano=_int64(record.observed_time_unix_nano),
        severityNumber=int(record.severity_number),
        severityText=record.severity_text,
        attributes=_attributes(record.attributes),
        droppedAttributesCount=record.dropped_attributes_count,
        flags=record.flags,
        traceId=record.trace_id.hex(),
        spanId=record.span_id.hex(),
        eventName=record.event_name,
    )
    if record.body is not None:
        document["body"] = any_value(record.body)
    return document


def _int64(number: int) -> str:
    """JSON's numbers are doubles to many readers, which have 53 bits."""
    return str(number) if number else ""


def _attributes(attributes: Attributes) -> list[Document]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]
