"""OTLP traces in protobuf to batches. The hot path: every attribute access on a message costs, so there are few.

Source: opentelemetry/proto/collector/trace/v1/trace_service.proto and the messages that it names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.identity import INVALID_PARENT, MALFORMED_SPAN, parent_id, rejection
from receiver.repair import marked, repaired_protobuf
from tracedata import Batch, Event, Link, Resource, Scope, Span, Value


def decode_traces(data: bytes, workspace_id: int) -> Batch:
    """All spans of an ``ExportTraceServiceRequest`` in one batch; see ``decode_slices``."""
    (batch,) = decode_slices(data, workspace_id, max_spans=sys.maxsize)
    return batch


def decode_slices(data: bytes, workspace_id: int, *, max_spans: int) -> Iterator[Batch]:
    """The spans of an ``ExportTraceServiceRequest``, in order; those without usable ids are counted instead.

    Spans of one ``ResourceSpans`` share their resource by identity, those of one ``ScopeSpans`` their scope. Text that
    is not UTF-8 is repaired, and a span that is no message is counted too. Each batch but the last has ``max_spans``.

    Raises:
        DecodeFailedError: the bytes are not such a message; never after the first batch.
    """
    request, malformed = _parsed(data)
    # The caller may have let go of it, too.
    del data
    spans: list[Span] = []
    rejections = {MALFORMED_SPAN: malformed} if malformed else {}
    for resource_spans in request.resource_spans:
        resource = _resource(resource_spans)
        for scope_spans in resource_spans.scope_spans:
            scope = _scope(scope_spans)
            for span in scope_spans.spans:
                reason = rejection(span.trace_id, span.span_id)
                if reason is not None:
                    rejections[reason] = rejections.get(reason, 0) + 1
                    continue
                if len(spans) == max_spans:
                    batch = Batch(workspace_id=workspace_id, spans=spans, rejections=rejections)
                    spans, rejections = [], {}
                    yield batch
                    del batch
                spans.append(_span(span, resource, scope))
    yield Batch(workspace_id=workspace_id, spans=spans, rejections=rejections)


def _parsed(data: bytes) -> tuple[ExportTraceServiceRequest, int]:
    """The request, and how many of its spans are not in it because they are no messages."""
    try:
        return ExportTraceServiceRequest.FromString(data), 0
    except DecodeError:
        # The decoder does not tell text that is not UTF-8 from other faults; the repair does.
        return repaired_protobuf(data)


def _resource(message: trace_pb2.ResourceSpans) -> Resource:
    resource = message.resource
    return Resource(
        attributes=_attributes(resource.attributes),
        dropped_attributes_count=resource.dropped_attributes_count,
        schema_url=message.schema_url,
    )


def _scope(message: trace_pb2.ScopeSpans) -> Scope:
    scope = message.scope
    return Scope(
        name=scope.name,
        version=scope.version,
        attributes=_attributes(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes_count,
        schema_url=message.schema_url,
    )


def _span(message: trace_pb2.Span, resource: Resource, scope: Scope) -> Span:
    status = message.status
    parent, attributes = parent_id(message.parent_span_id), _attributes(message.attributes)
    return Span(
        trace_id=message.trace_id,
        span_id=message.span_id,
        resource=resource,
        scope=scope,
        parent_span_id=parent or b"",
        trace_state=message.trace_state,
        flags=message.flags,
        name=message.name,
        kind=message.kind,
        start_time_unix_nano=message.start_time_unix_nano,
        end_time_unix_nano=message.end_time_unix_nano,
        attributes=attributes if parent is not None else marked(attributes, INVALID_PARENT),
        dropped_attributes_count=message.dropped_attributes_count,
        events=[_event(event) for event in message.events],
        dropped_events_count=message.dropped_events_count,
        links=[_link(link) for link in message.links],
        dropped_links_count=message.dropped_links_count,
        status_code=status.code,
        status_message=status.message,
    )


def _event(message: trace_pb2.Span.Event) -> Event:
    return Event(
        time_unix_nano=message.time_unix_nano,
        name=message.name,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
    )


def _link(message: trace_pb2.Span.Link) -> Link:
    return Link(
        trace_id=message.trace_id,
        span_id=message.span_id,
        trace_state=message.trace_state,
        attributes=_attributes(message.attributes),
        dropped_attributes_count=message.dropped_attributes_count,
        flags=message.flags,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    attributes: dict[str, Value] = {}
    for pair in pairs:
        value = pair.value
        # The member that is set needs to be asked for only when the value is empty, zero, false, or no scalar.
        attributes[pair.key] = (
            value.string_value or value.int_value or value.double_value or value.bool_value or _value(value)
        )
    return attributes


def _value(message: AnyValue) -> Value:
    member = message.WhichOneof("value")
    if member == "string_value":
        return message.string_value
    if member == "int_value":
        return message.int_value
    if member == "bool_value":
        return message.bool_value
    if member == "double_value":
        return message.double_value
    if member == "bytes_value":
        return message.bytes_value
    if member == "array_value":
        return [_value(item) for item in message.array_value.values]
    if member == "kvlist_value":
        return _attributes(message.kvlist_value.values)
    # Nothing is set, or an index into the string table of the profiling signal, which traces do not have.
    return None
