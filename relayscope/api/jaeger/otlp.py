"""Traces as Jaeger's newer HTTP API writes them: OTLP/JSON with numeric enums and hexadecimal ids.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. A field with its default is left out, but for
``resource``, ``scope``, ``status`` and ``value``, which Jaeger always writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from relayscope.api.rendering import encode_each
from relayscope.api.rest.schema import KeyValue
from relayscope.api.rest.value import key_values
from tracedata import Event, Link, Resource, Scope, Span


class _Json(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Fields in camelCase; those with their default are left out."""


class _Event(_Json, frozen=True, kw_only=True):
    time_unix_nano: str = ""
    name: str = ""
    attributes: Sequence[KeyValue] = ()
    dropped_attributes_count: int = 0


class _Link(_Json, frozen=True, kw_only=True):
    trace_id: str = ""
    span_id: str = ""
    trace_state: str = ""
    attributes: Sequence[KeyValue] = ()
    dropped_attributes_count: int = 0
    flags: int = 0


class _Status(_Json, frozen=True, kw_only=True):
    message: str = ""
    code: int = 0


class _Span(_Json, frozen=True, kw_only=True):
    trace_id: str
    span_id: str
    trace_state: str = ""
    parent_span_id: str = ""
    flags: int = 0
    name: str = ""
    kind: int = 0
    start_time_unix_nano: str = ""
    end_time_unix_nano: str = ""
    attributes: Sequence[KeyValue] = ()
    dropped_attributes_count: int = 0
    events: Sequence[_Event] = ()
    dropped_events_count: int = 0
    links: Sequence[_Link] = ()
    dropped_links_count: int = 0
    status: _Status


class _Scope(_Json, frozen=True, kw_only=True):
    name: str = ""
    version: str = ""
    attributes: Sequence[KeyValue] = ()
    dropped_attributes_count: int = 0


class _ScopeSpans(_Json, frozen=True, kw_only=True):
    scope: _Scope
    spans: msgspec.Raw
    schema_url: str = ""


class _Resource(_Json, frozen=True, kw_only=True):
    attributes: Sequence[KeyValue] = ()
    dropped_attributes_count: int = 0


class _ResourceSpans(_Json, frozen=True, kw_only=True):
    resource: _Resource
    scope_spans: Sequence[_ScopeSpans]
    schema_url: str = ""


class TracesData(_Json, frozen=True, kw_only=True):
    """Spans below their resources and scopes."""

    resource_spans: Sequence[_ResourceSpans]


def traces_data(traces: Iterable[Sequence[Span]]) -> TracesData:
    """Whole traces, one after the other; no scope's spans are of two traces."""
    return TracesData(resource_spans=[part for spans in traces for part in _of_trace(spans)])


def _of_trace(spans: Sequence[Span]) -> Iterable[_ResourceSpans]:
    """In the order in which resources and scopes come first."""
    # By identity: spans of one read share them, and the spans keep them alive. Equal ones may stand twice.
    resources: dict[int, tuple[Resource, dict[int, tuple[Scope, list[Span]]]]] = {}
    for span in spans:
        _, scopes = resources.setdefault(id(span.resource), (span.resource, {}))
        scopes.setdefault(id(span.scope), (span.scope, []))[1].append(span)
    for resource, scopes in resources.values():
        yield _resource_spans(resource, scopes)


def _resource_spans(resource: Resource, scopes: Mapping[int, tuple[Scope, list[Span]]]) -> _ResourceSpans:
    return _ResourceSpans(
        resource=_Resource(
            attributes=key_values(resource.attributes) or (),
            dropped_attributes_count=resource.dropped_attributes_count,
        ),
        scope_spans=[
            _ScopeSpans(scope=_scope(scope), spans=encode_each(map(_span, spans)), schema_url=scope.schema_url)
            for scope, spans in scopes.values()
        ],
        schema_url=resource.schema_url,
    )


def _scope(scope: Scope) -> _Scope:
    return _Scope(
        name=scope.name,
        version=scope.version,
        attributes=key_values(scope.attributes) or (),
        dropped_attributes_count=scope.dropped_attributes_count,
    )


def _span(span: Span) -> _Span:
    return _Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        trace_state=span.trace_state,
        parent_span_id=span.parent_span_id.hex() if any(span.parent_span_id) else "",
        flags=span.flags,
        name=span.name,
        kind=int(span.kind),
        start_time_unix_nano=_fixed64(span.start_time_unix_nano),
        end_time_unix_nano=_fixed64(span.end_time_unix_nano),
        attributes=key_values(span.attributes) or (),
        dropped_attributes_count=span.dropped_attributes_count,
        events=[_event(event) for event in span.events] or (),
        dropped_events_count=span.dropped_events_count,
        links=[_link(link) for link in span.links] or (),
        dropped_links_count=span.dropped_links_count,
        status=_Status(message=span.status_message, code=int(span.status_code)),
    )


def _event(event: Event) -> _Event:
    return _Event(
        time_unix_nano=_fixed64(event.time_unix_nano),
        name=event.name,
        attributes=key_values(event.attributes) or (),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _link(link: Link) -> _Link:
    return _Link(
        trace_id=link.trace_id.hex(),
        span_id=link.span_id.hex(),
        trace_state=link.trace_state,
        attributes=key_values(link.attributes) or (),
        dropped_attributes_count=link.dropped_attributes_count,
        flags=link.flags,
    )


def _fixed64(number: int) -> str:
    """64 bits do not fit into JSON's numbers everywhere."""
    return str(number) if number else ""
