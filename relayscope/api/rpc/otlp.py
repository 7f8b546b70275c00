"""Spans as OTLP's messages, in pieces that a gRPC client takes by default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status, TracesData
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from tracedata import Attributes, Event, Link, Resource, Scope, Span, Value

# Clients take 4 MiB at a time unless they are told otherwise. One span that is larger goes alone.
MAX_PIECE_BYTES = 3 * 1024 * 1024
# What a message costs where it stands in another: its tag and its length.
_FRAME_BYTES = 8


def encode_traces_data(spans: Sequence[Span]) -> list[bytes]:
    """Serialised ``TracesData`` with these spans, those of one resource and scope together. Nothing for no spans."""
    return [piece.data.SerializeToString() for piece in _pieces(spans)]


def _pieces(spans: Sequence[Span]) -> Iterator[_Piece]:
    piece = _Piece()
    for span in spans:
        message = span_message(span)
        if not piece.takes(span, message):
            yield piece
            piece = _Piece()
        piece.add(span, message)
    if piece.size:
        yield piece


class _Piece:
    """One message while it grows."""

    def __init__(self) -> None:
        self.data = TracesData()
        self.size = 0
        # By identity: spans of one page share their resources and scopes, and keep them alive.
        self._resources: dict[int, ResourceSpans] = {}
        self._scopes: dict[tuple[int, int], ScopeSpans] = {}

    def takes(self, span: Span, message: SpanMessage) -> bool:
        """Whether there is room; there always is for the first one."""
        return not self.size or self.size + self._cost(span, message) <= MAX_PIECE_BYTES

    def add(self, span: Span, message: SpanMessage) -> None:
        self.size += self._cost(span, message)
        in_resource = self._resources.get(id(span.resource))
        if in_resource is None:
            in_resource = self.data.resource_spans.add(
                resource=resource_message(span.resource), schema_url=span.resource.schema_url
            )
            self._resources[id(span.resource)] = in_resource
        key = (id(span.resource), id(span.scope))
        in_scope = self._scopes.get(key)
        if in_scope is None:
            in_scope = in_resource.scope_spans.add(scope=scope_message(span.scope), schema_url=span.scope.schema_url)
            self._scopes[key] = in_scope
        in_scope.spans.append(message)

    def _cost(self, span: Span, message: SpanMessage) -> int:
        cost = message.ByteSize() + _FRAME_BYTES
        if id(span.resource) not in self._resources:
            cost += resource_message(span.resource).ByteSize() + len(span.resource.schema_url) * 4 + _FRAME_BYTES
        if (id(span.resource), id(span.scope)) not in self._scopes:
            cost += scope_message(span.scope).ByteSize() + len(span.scope.schema_url) * 4 + _FRAME_BYTES
        return cost


def resource_message(resource: Resource) -> ResourceMessage:
    """Without the schema URL, which stands beside it."""
    return ResourceMessage(
        attributes=_key_values(resource.attributes), dropped_attributes_count=resource.dropped_attributes_count
    )


def scope_message(scope: Scope) -> InstrumentationScope:
    """Without the schema URL, which stands beside it."""
    return InstrumentationScope(
        name=scope.name,
        version=scope.version,
        attributes=_key_values(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes_count,
    )


def span_message(span: Span) -> SpanMessage:
    """Without loss. Kinds and codes that OTLP does not know stay as they came."""
    return SpanMessage(
        trace_id=span.trace_id,
        span_id=span.span_id,
        trace_state=span.trace_state,
        parent_span_id=span.parent_span_id,
        flags=span.flags,
        name=span.name,
        kind=SpanMessage.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_time_unix_nano,
        end_time_unix_nano=span.end_time_unix_nano,
        attributes=_key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes_count,
        events=[_event(event) for event in span.events],
        dropped_events_count=span.dropped_events_count,
        links=[_link(link) for link in span.links],
        dropped_links_count=span.dropped_links_count,
        status=_status(span),
    )


def _status(span: Span) -> Status | None:
    if not span.status_code and not span.status_message:
        return None
    return Status(code=Status.StatusCode.ValueType(span.status_code), message=span.status_message)


def _event(event: Event) -> SpanMessage.Event:
    return SpanMessage.Event(
        time_unix_nano=event.time_unix_nano,
        name=event.name,
        attributes=_key_values(event.attributes),
        dropped_attributes_count=event.dropped_attributes_count,
    )


def _link(link: Link) -> SpanMessage.Link:
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
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if value is None:
        return AnyValue()
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, Mapping):
        return AnyValue(kvlist_value=KeyValueList(values=_key_values(value)))
    return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))
