"""OTLP traces and logs in JSON to batches; equal to what their protobuf forms decode to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import ClassVar

from receiver.identity import (
    INVALID_PARENT,
    INVALID_SPAN_ID,
    INVALID_TRACE_ID,
    MALFORMED_LOG_RECORD,
    MALFORMED_SPAN,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    id_from_hex,
    optional_id_from_hex,
    rejection,
)
from receiver.json_request import Found, Reader
from receiver.json_value import AnyMessage, Attributed, EnumNumber, JsonMessage, attributes_of, value_of
from receiver.repair import marked
from receiver.slice import log_slices, span_slices
from tracedata import Batch, Event, Link, LogRecord, Resource, Scope, Span, SpanKind, StatusCode

# As logs.proto has them: four of each name, such as INFO, INFO2, INFO3 and INFO4, from 1 on.
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_PER_SEVERITY = 4


class _Kind(EnumNumber):
    names: ClassVar = {f"SPAN_KIND_{kind.name}": int(kind) for kind in SpanKind}


class _StatusCode(EnumNumber):
    names: ClassVar = {f"STATUS_CODE_{code.name}": int(code) for code in StatusCode}


class _Severity(EnumNumber):
    names: ClassVar = {
        "SEVERITY_NUMBER_UNSPECIFIED": 0,
        **{
            f"SEVERITY_NUMBER_{name}{step or ''}": 1 + place * _PER_SEVERITY + max(0, step - 1)
            for place, name in enumerate(_SEVERITIES)
            for step in (0, 2, 3, 4)
        },
    }


class _Event(Attributed):
    time_unix_nano: int | None = None
    name: str | None = None


class _Link(Attributed):
    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None


class _Status(JsonMessage):
    message: str | None = None
    code: _StatusCode | None = None


class _Span(Attributed):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    flags: int | None = None
    name: str | None = None
    kind: _Kind | None = None
    start_time_unix_nano: int | None = None
    end_time_unix_nano: int | None = None
    events: list[_Event] | None = None
    dropped_events_count: int | None = None
    links: list[_Link] | None = None
    dropped_links_count: int | None = None
    status: _Status | None = None


class _LogRecord(Attributed):
    trace_id: str | None = None
    span_id: str | None = None
    flags: int | None = None
    time_unix_nano: int | None = None
    observed_time_unix_nano: int | None = None
    severity_number: _Severity | None = None
    severity_text: str | None = None
    event_name: str | None = None
    body: AnyMessage | None = None


_TRACES = Reader(_Span, resources="resourceSpans", scopes="scopeSpans", items="spans")
_LOGS = Reader(_LogRecord, resources="resourceLogs", scopes="scopeLogs", items="logRecords")


def decode_traces(data: bytes, workspace_id: int) -> Batch:
    """All spans of an ``ExportTraceServiceRequest`` in JSON in one batch; see ``slice_traces``."""
    (batch,) = slice_traces(data, workspace_id, max_items=sys.maxsize)
    return batch


def decode_logs(data: bytes, workspace_id: int) -> Batch:
    """All log records of an ``ExportLogsServiceRequest`` in JSON in one batch; see ``slice_logs``."""
    (batch,) = slice_logs(data, workspace_id, max_items=sys.maxsize)
    return batch


def slice_traces(data: bytes, workspace_id: int, *, max_items: int) -> Iterator[Batch]:
    """The spans of an ``ExportTraceServiceRequest`` in JSON.

    A span whose id is not one, or that has something of the wrong type, is counted in ``rejections``. Text that is not
    Unicode, nesting without end and numbers that are none are repaired. Each batch but the last has ``max_items``.

    Raises:
        DecodeFailedError: there is no such message in it, or no sound span; the error's message has the JSON path.
            Never after the first batch.
    """
    found = _TRACES.read(data)
    # The caller may have let go of it, too.
    del data
    rejections = {MALFORMED_SPAN: found.lost} if found.lost else {}
    yield from span_slices(_spans(found), workspace_id=workspace_id, max_items=max_items, rejections=rejections)


def slice_logs(data: bytes, workspace_id: int, *, max_items: int) -> Iterator[Batch]:
    """The same for the log records of an ``ExportLogsServiceRequest``; ids that are none are left out of a record, with a mark."""
    found = _LOGS.read(data)
    del data
    rejections = {MALFORMED_LOG_RECORD: found.lost} if found.lost else {}
    yield from log_slices(_log_records(found), workspace_id=workspace_id, max_items=max_items, rejections=rejections)


def _spans(found: Found[_Span]) -> Iterator[Span | str]:
    """Spans, and the reason classes of those that are left out."""
    for resource, scope, pending in found.parts():
        # Taken from the end of the list, so that no span is kept in both forms.
        pending.reverse()
        while pending:
            sent = pending.pop()
            trace_id, span_id = id_from_hex(sent.trace_id), id_from_hex(sent.span_id)
            yield rejection(trace_id, span_id) or _span(
                sent, trace_id=trace_id, span_id=span_id, resource=resource, scope=scope
            )


def _log_records(found: Found[_LogRecord]) -> Iterator[LogRecord]:
    for resource, scope, pending in found.parts():
        pending.reverse()
        while pending:
            yield _log_record(pending.pop(), resource, scope)


def _span(message: _Span, *, trace_id: bytes, span_id: bytes, resource: Resource, scope: Scope) -> Span:
    status = message.status or _Status()
    parent = optional_id_from_hex(message.parent_span_id, SPAN_ID_BYTES)
    attributes = attributes_of(message.attributes)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        resource=resource,
        scope=scope,
        parent_span_id=parent or b"",
        trace_state=message.trace_state or "",
        flags=message.flags or 0,
        name=message.name or "",
        kind=int(message.kind or 0),
        start_time_unix_nano=message.start_time_unix_nano or 0,
        end_time_unix_nano=message.end_time_unix_nano or 0,
        attributes=attributes if parent is not None else marked(attributes, INVALID_PARENT),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        events=[_event(event) for event in message.events or ()],
        dropped_events_count=message.dropped_events_count or 0,
        links=[_link(link) for link in message.links or ()],
        dropped_links_count=message.dropped_links_count or 0,
        status_code=int(status.code or 0),
        status_message=status.message or "",
    )


def _event(message: _Event) -> Event:
    return Event(
        time_unix_nano=message.time_unix_nano or 0,
        name=message.name or "",
        attributes=attributes_of(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
    )


def _link(message: _Link) -> Link:
    return Link(
        trace_id=id_from_hex(message.trace_id),
        span_id=id_from_hex(message.span_id),
        trace_state=message.trace_state or "",
        attributes=attributes_of(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count or 0,
        flags=message.flags or 0,
    )


def _log_record(message: _LogRecord, resource: Resource, scope: Scope) -> LogRecord:
    trace_id = optional_id_from_hex(message.trace_id, TRACE_ID_BYTES)
    span_id = optional_id_from_hex(message.span_id, SPAN_ID_BYTES)
    invalid = [*([INVALID_TRACE_ID] if trace_id is None else ()), *([INVALID_SPAN_ID] if span_id is None else ())]
    return LogRecord(
        resource=resource,
        scope=scope,
        trace_id=trace_id or b"",
        span_id=span_id or b"",
        flags=message.flags or 0,
        time_unix_nano=message.time_unix_nano or 0,
        observed_time_unix_nano=message.observed_time_unix_nano or 0,
        severity_number=int(message.severity_number or 0),
        severity_text=message.severity_text or "",
        event_name=message.event_name or "",
        body=value_of(message.body),
        attributes=marked(attributes_of(message.attributes), *invalid),
        dropped_attributes_count=message.dropped_attributes_count or 0,
    )
