"""A stored trace, read back from the answers of the API as the spans that were sent."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from relayscope.api.rest import schema
from relayscope.cli.client import get
from tracedata import Attributes, Event, Link, PermanentError, Resource, Scope, Span, Value


def stored_spans(url: str, trace_id: str) -> Sequence[Span]:
    """Every span of a trace, page by page, with all that a sender can write.

    Raises:
        RelayscopeError: see ``client.get``; or the answer is none of this API.
    """
    spans: list[Span] = []
    cursor: str | None = None
    while True:
        body = get(url, f"/api/v1/traces/{trace_id}/spans", {"cursor": cursor})
        try:
            page = msgspec.json.decode(body, type=schema.SpanList)
        except msgspec.DecodeError as exc:
            raise PermanentError(f"{url} is no Relayscope: {exc}") from exc
        spans += map(_span, page.items)
        cursor = page.next_cursor
        if cursor is None:
            return spans


def _span(shown: schema.Span) -> Span:
    resource, scope = shown.resource, shown.scope
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
        resource=Resource(attributes=_attributes(resource.attributes), schema_url=resource.schema_url),
        scope=Scope(
            name=scope.name,
            version=scope.version,
            attributes=_attributes(scope.attributes),
            schema_url=scope.schema_url,
        ),
    )


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
