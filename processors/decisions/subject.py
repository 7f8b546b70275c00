"""What a table reads: a span, one of its events, or a log record; with what is no attribute of it under names of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from processors.ai.context import KEYS as CONTEXT_KEYS
from processors.ai.detection import is_like, path_of
from processors.ai.reader import Reader
from processors.ai.record import digest_of, name_of
from processors.decisions.adapter import ADAPTERS
from processors.decisions.adapter.decision_trace import FINAL
from processors.decisions.adapter.table import Adapter
from tracedata import Attributes, Event, LogRecord, Span, StatusCode, Value
from tracedata.decision import Carrier

PATH_KEYS = ("http.route", "url.path", "http.target")
"""What a request asked for, the more general first."""
NO_CONTENT = CONTEXT_KEYS.union(PATH_KEYS, ("event.name", "event.domain"))
"""Keys of events and log records that say nothing of the decision itself."""
OF_EVENT: Mapping[str, Adapter] = {name: adapter for adapter in ADAPTERS for name in adapter.events}
"""The table for events of spans, and for log records, by name."""
_OF_SPAN = tuple(adapter for adapter in ADAPTERS if adapter.keys or adapter.values or adapter.names)
BY_NAME = tuple(adapter for adapter in _OF_SPAN if not adapter.keys and not adapter.values)
"""Tables for spans that no attribute tells apart: their scope and their name do."""
_ABSENT = ("", "None", "[]", "{}")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """``own`` are the attributes as they came, ``attributes`` have the rest beside them. ``scope`` knows the convention of the context."""

    carrier: Carrier
    trace_id: bytes
    span_id: bytes
    time_unix_nano: int
    service_name: str
    scope: str
    own: Attributes
    attributes: Attributes
    duration_ns: int | None = None


def of_span(span: Span, rest: str = "") -> Subject:
    """The span as a decision of its own; ``rest`` is what the star in the name of a table stands for."""
    attributes: dict[str, Value] = {
        **span.attributes,
        "@name": span.name,
        "@rest": rest,
        "@service": span.resource.service_name,
    }
    if span.status_code == StatusCode.ERROR:
        attributes["@error"] = span.status_message or "error"
    return Subject(
        carrier="span",
        trace_id=span.trace_id,
        span_id=span.span_id,
        time_unix_nano=span.start_time_unix_nano,
        service_name=span.resource.service_name,
        scope=span.scope.name,
        own=span.attributes,
        attributes=attributes,
        duration_ns=span.duration_ns if span.duration_ns >= 0 else None,
    )


def of_event(span: Span, event: Event) -> Subject:
    return Subject(
        carrier="span_event",
        trace_id=span.trace_id,
        span_id=span.span_id,
        time_unix_nano=event.time_unix_nano or span.start_time_unix_nano,
        service_name=span.resource.service_name,
        scope=span.scope.name,
        own=event.attributes,
        attributes={**event.attributes, "@name": event.name, "@service": span.resource.service_name},
    )


def of_record(record: LogRecord) -> Subject:
    return Subject(
        carrier="log_record",
        trace_id=trace_id_of(record),
        span_id=record.span_id if record.trace_id else b"",
        time_unix_nano=record.moment_unix_nano,
        service_name=record.resource.service_name,
        scope=record.scope.name,
        own=record.attributes,
        attributes={
            **record.attributes,
            "@name": record.name,
            "@service": record.resource.service_name,
            "@body": record.body,
        },
    )


def trace_id_of(record: LogRecord) -> bytes:
    """The trace of what a record tells: its own, or one made of what it says when it belongs to none, since it has nothing in common with others."""
    return record.trace_id or record.ai_trace_id or digest_of(record, event_of_record(record))


def adapters_of(span: Span) -> Iterator[tuple[Adapter, str]]:
    """The tables that read the span, with what the star in their name stands for: those of asides, and the first other one."""
    is_taken = False
    for adapter in _OF_SPAN:
        if not is_taken or adapter.is_aside:
            rest = _recognised(adapter, span)
            if rest is not None:
                is_taken = is_taken or not adapter.is_aside
                yield adapter, rest


def _recognised(adapter: Adapter, span: Span) -> str | None:
    """What the star in the name stands for, or nothing; None when the table is not for this span."""
    attributes = span.attributes
    if adapter.keys and not any(_says(attributes, key) for key in adapter.keys):
        return None
    for key, values in adapter.values.items():
        if str(attributes.get(key)).casefold() not in values:
            return None
    if adapter.scopes and not any(is_like(span.scope.name, scope) for scope in adapter.scopes):
        return None
    if not adapter.names:
        return ""
    like = next((name for name in adapter.names if is_like(span.name, name)), None)
    return None if like is None else span.name[len(like) - 1 :] if like.endswith("*") else ""


def _says(attributes: Attributes, key: str) -> bool:
    attribute, steps = path_of(key)
    if attribute not in attributes:
        return False
    value = Reader(attributes).value((attribute, steps)) if steps else attributes[attribute]
    return value is not None and not (isinstance(value, str) and value in _ABSENT) and value not in ((), [], {})


def event_of_record(record: LogRecord) -> str:
    """The name by which a table knows the record; empty when none does."""
    name = record.name
    if name in OF_EVENT or name == FINAL:
        return name
    # Some senders leave the name to the body, or its prefix to the scope.
    if isinstance(record.body, str) and record.body in OF_EVENT:
        return record.body
    name = name_of(record) if name else name
    return name if name in OF_EVENT else ""
