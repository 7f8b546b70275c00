"""OTLP/JSON: one ``ExportTraceServiceRequest`` a line, as the Collector's file exporter writes it.

Sources: https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/ and
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. Fields with the default of their type are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from relayscope.api.rest.value import any_value
from tracedata import Attributes, Event, Link, Resource, Scope, Span

# A line ends after so many spans, or bytes: far below what receivers take at a time.
MAX_LINE_SPANS = 1_000
MAX_LINE_BYTES = 1024 * 1024

_encode = msgspec.json.Encoder().encode
# Any: the values of OTLP's fields.
_Fields = dict[str, Any]


class OtlpLines:
    """See ``Form``. Where a line ends depends on the spans alone, so that the same spans make the same bytes."""

    def __init__(self) -> None:
        self._line = _Line()

    def begin(self) -> bytes:
        return b""

    def encode(self, items: Sequence[Span]) -> bytes:
        done: list[bytes] = []
        for span in items:
            self._line.add(span)
            if self._line.is_full:
                done.append(self.end())
        return b"".join(done)

    def end(self) -> bytes:
        line, self._line = self._line, _Line()
        return line.encoded()


class _Line:
    """Spans by their resources and scopes, in the order in which these came first."""

    def __init__(self) -> None:
        self._scopes_of: dict[tuple[bytes, str], dict[tuple[bytes, str], list[bytes]]] = {}
        # By identity; the second field keeps the object, so that no other one gets its identity meanwhile.
        self._resources: dict[int, tuple[bytes, Resource]] = {}
        self._scopes: dict[int, tuple[bytes, Scope]] = {}
        self._spans = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._spans >= MAX_LINE_SPANS or self._bytes >= MAX_LINE_BYTES

    def add(self, span: Span) -> None:
        resource, scope = span.resource, span.scope
        if id(resource) not in self._resources:
            self._resources[id(resource)] = (_encode(_resource(resource)), resource)
        if id(scope) not in self._scopes:
            self._scopes[id(scope)] = (_encode(_scope(scope)), scope)
        of_resource = self._scopes_of.setdefault((self._resources[id(resource)][0], resource.schema_url), {})
        key = (self._scopes[id(scope)][0], scope.schema_url)
        if key not in of_resource:
            self._bytes += len(key[0]) + len(self._resources[id(resource)][0])
        encoded = _encode(_span(span))
        of_resource.setdefault(key, []).append(encoded)
        self._spans += 1
        self._bytes += len(encoded)

    def encoded(self) -> bytes:
        if not self._spans:
            return b""
        resources = [
            _with_schema(
                b'{"resource":%b,"scopeSpans":[%b]' % (resource, b",".join(map(_scope_spans, scopes.items()))), schema
            )
            for (resource, schema), scopes in self._scopes_of.items()
        ]
        return b'{"resourceSpans":[%b]}\n' % b",".join(resources)


def _scope_spans(entry: tuple[tuple[bytes, str], list[bytes]]) -> bytes:
    (scope, schema), spans = entry
    return _with_schema(b'{"scope":%b,"spans":[%b]' % (scope, b",".join(spans)), schema)


def _with_schema(opened: bytes, schema_url: str) -> bytes:
    return opened + (b',"schemaUrl":%b}' % _encode(schema_url) if schema_url else b"}")


def _attributes(attributes: Attributes) -> list[_Fields]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def _filled(fields: _Fields) -> _Fields:
    """Without what a receiver takes for granted."""
    return {name: value for name, value in fields.items() if value}


def _resource(resource: Resource) -> _Fields:
    return _filled(
        {
            "attributes": _attributes(resource.attributes),
            "droppedAttributesCount": resource.dropped_attributes_count,
        }
    )


def _scope(scope: Scope) -> _Fields:
    return _filled(
        {
            "name": scope.name,
            "version": scope.version,
            "attributes": _attributes(scope.attributes),
            "droppedAttributesCount": scope.dropped_attributes_count,
        }
    )


def _span(span: Span) -> _Fields:
    fields = _filled(
        {
            "traceId": span.trace_id.hex(),
            "spanId": span.span_id.hex(),
            "traceState": span.trace_state,
            "parentSpanId": span.parent_span_id.hex(),
            "flags": span.flags,
            "name": span.name,
            "kind": int(span.kind),
            # Numbers of 64 bits are text in OTLP/JSON.
            "startTimeUnixNano": str(span.start_time_unix_nano),
            "endTimeUnixNano": str(span.end_time_unix_nano),
            "attributes": _attributes(span.attributes),
            "droppedAttributesCount": span.dropped_attributes_count,
            "events": [_event(event) for event in span.events],
            "droppedEventsCount": span.dropped_events_count,
            "links": [_link(link) for link in span.links],
            "droppedLinksCount": span.dropped_links_count,
        }
    )
    # The Collector writes it in any case.
    fields["status"] = _filled({"message": span.status_message, "code": int(span.status_code)})
    return fields


def _event(event: Event) -> _Fields:
    return _filled(
        {
            "timeUnixNano": str(event.time_unix_nano),
            "name": event.name,
            "attributes": _attributes(event.attributes),
            "droppedAttributesCount": event.dropped_attributes_count,
        }
    )


def _link(link: Link) -> _Fields:
    return _filled(
        {
            "traceId": link.trace_id.hex(),
            "spanId": link.span_id.hex(),
            "traceState": link.trace_state,
            "attributes": _attributes(link.attributes),
            "droppedAttributesCount": link.dropped_attributes_count,
            "flags": link.flags,
        }
    )
