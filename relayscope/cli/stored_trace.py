"""A stored trace, read back from the answers of the API as the spans and log records that were sent."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from relayscope.api.rest import log_schema, schema
from relayscope.cli.client import get
from tracedata import Attributes, Event, Link, LogRecord, NotFoundError, PermanentError, Resource, Scope, Span, Value


class StoredTrace(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a trace."""

    spans: Sequence[Span]
    log_records: Sequence[LogRecord]


_Page = TypeVar("_Page", schema.SpanList, log_schema.LogRecordList)


def stored_trace(url: str, trace_id: str) -> StoredTrace:
    """Every span and log record of a trace, page by page, with all that a sender can write.

    Raises:
        NotFoundError: there is neither.
        RelayscopeError: see ``client.get``; or the answer is none of this API.
    """
    path = f"/api/v1/traces/{quote(trace_id, safe='')}"
    missing: NotFoundError | None = None
    spans: list[Span] = []
    try:
        spans += (_span(one) for page in _pages(url, f"{path}/spans", schema.SpanList) for one in page.items)
    except NotFoundError as exc:
        missing = exc
    pages = _pages(url, f"{path}/logs", log_schema.LogRecordList)
    records = [_log_record(one) for page in pages for one in page.items]
    if missing is not None and not records:
        raise missing
    return StoredTrace(spans=spans, log_records=records)


def _pages(url: str, path: str, answer: type[_Page]) -> Iterator[_Page]:
    cursor: str | None = None
    while True:
        body = get(url, path, {"cursor": cursor})
        try:
            page = msgspec.json.decode(body, type=answer)
        except msgspec.DecodeError as exc:
            raise PermanentError(f"{url} is no Relayscope: {exc}") from exc
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def _log_record(shown: log_schema.LogRecord) -> LogRecord:
    return LogRecord(
        trace_id=bytes.fromhex(shown.trace_id or ""),
        span_id=bytes.fromhex(shown.span_id or ""),
        time_unix_nano=int(shown.time_unix_nano),
        observed_time_unix_nano=int(shown.observed_time_unix_nano),
        severity_text=shown.severity_text,
        event_name=shown.event_name,
        body=_value(shown.body),
        attributes=_attributes(shown.attributes),
        resource=_resource(shown.resource),
        scope=_scope(shown.scope),
    )


def _span(shown: schema.Span) -> Span:
    return Span(
        trace_id=bytes.fromhex(shown.trace_id),
        span_id=bytes.fromhex(shown.span_id),
        name=shown.name,
        status_message=shown.status_message,
        trace_state=shown.trace_state,
        attributes=_attributes(shown.attributes),
        events=[Event(name=event.name, attributes=_attributes(event.attributes)) for event in shown.events],
        links=[
            Link(
                trace_id=bytes.fromhex(link.trace_id),
                span_id=bytes.fromhex(link.span_id),
                trace_state=link.trace_state,
                attributes=_attributes(link.attributes),
            )
            for link in shown.links
        ],
        resource=_resource(shown.resource),
        scope=_scope(shown.scope),
    )


def _resource(shown: schema.Resource) -> Resource:
    return Resource(attributes=_attributes(shown.attributes), schema_url=shown.schema_url)


def _scope(shown: schema.Scope) -> Scope:
    attributes = _attributes(shown.attributes)
    return Scope(name=shown.name, version=shown.version, attributes=attributes, schema_url=shown.schema_url)


def _attributes(pairs: Iterable[schema.KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(shown: Mapping[str, Any]) -> Value:
    """The inverse of the API's ``any_value``. Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding."""
    for kind, value in shown.items():
        if kind == "intValue":
            return int(value)
        if kind == "doubleValue":
            return float(value)
        if kind == "bytesValue":
            return base64.b64decode(value)
        if kind == "arrayValue":
            return [_value(item) for item in value["values"]]
        if kind == "kvlistValue":
            return {pair["key"]: _value(pair["value"]) for pair in value["values"]}
        scalar: Value = value
        return scalar
    return None
