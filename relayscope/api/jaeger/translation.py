"""OTLP's spans in Jaeger's model.

The rules are those of the OpenTelemetry Collector's Jaeger translator (opentelemetry-collector-contrib,
``pkg/translator/jaeger``), which Jaeger itself uses for this API. What Jaeger's model has no place for is left out
here and served by the other APIs: scope attributes, attributes and trace states of links, dropped counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from relayscope.api.jaeger import model
from relayscope.api.jaeger.identifier import format_span_id, format_trace_id
from relayscope.api.jaeger.warning import WARNINGS, are_texts, warnings_of
from tracedata import Attributes, Event, Link, Resource, Span, SpanKind, StatusCode, Value
from tracedata.printed import printed, printed_double

# JavaScript's numbers are exact up to here; larger integers travel as strings.
_MAX_SAFE_INTEGER = 2**53 - 1
_NS_PER_US = 1_000
_SAMPLED = 0x01
_SERVICE_NAME = "service.name"
_NO_RESOURCE_SERVICE_NAME = "OTLPResourceNoServiceName"
_CHILD_OF = "CHILD_OF"
_FOLLOWS_FROM = "FOLLOWS_FROM"
_REF_TYPE = "opentracing.ref_type"

KIND_NAMES: Mapping[int, str] = {
    SpanKind.INTERNAL: "internal",
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}
KINDS: Mapping[str, int] = {name: kind for kind, name in KIND_NAMES.items()} | {
    "unspecified": int(SpanKind.UNSPECIFIED)
}
_STATUS_NAMES: Mapping[int, str] = {StatusCode.OK: "OK", StatusCode.ERROR: "ERROR"}


def translate_trace(trace_id: bytes, spans: Iterable[Span]) -> model.Trace:
    """All ``spans`` of one trace, in the order given."""
    shown_id = format_trace_id(trace_id)
    processes = _Processes()
    return model.Trace(
        trace_id=shown_id,
        spans=[_translate_span(span, trace_id=shown_id, process_id=processes.id_of(span.resource)) for span in spans],
        processes=processes.by_id,
        warnings=None,
    )


class _Processes:
    """The processes of one trace; resources with the same service and tags share one."""

    def __init__(self) -> None:
        self.by_id: dict[str, model.Process] = {}
        # Spans of a batch share their resource, so its identity answers nearly always. The spans keep it alive.
        self._id_by_identity: dict[int, str] = {}
        self._id_by_content: dict[bytes, str] = {}

    def id_of(self, resource: Resource) -> str:
        known = self._id_by_identity.get(id(resource))
        if known is not None:
            return known
        process = translate_resource(resource)
        tags = sorted(process.tags, key=lambda tag: tag.key)
        content = msgspec.json.encode((process.service_name, tags))
        process_id = self._id_by_content.setdefault(content, f"p{len(self.by_id) + 1}")
        self.by_id.setdefault(process_id, process)
        self._id_by_identity[id(resource)] = process_id
        return process_id


def translate_resource(resource: Resource) -> model.Process:
    """A resource without any attribute has a name of its own; one without ``service.name`` has an empty one."""
    if not resource.attributes:
        return model.Process(service_name=_NO_RESOURCE_SERVICE_NAME, tags=[])
    return model.Process(
        service_name=resource.service_name,
        # A name that is no text names no service, but it was sent.
        tags=[
            translate_value(key, value)
            for key, value in resource.attributes.items()
            if key != _SERVICE_NAME or not isinstance(value, str)
        ],
    )


def translate_value(key: str, value: Value) -> model.KeyValue:
    """Maps and slices become JSON text, the empty value an empty string, numbers JSON cannot carry their text."""
    if isinstance(value, str):
        return model.KeyValue(key=key, type="string", value=value)
    if isinstance(value, bool):
        return model.KeyValue(key=key, type="bool", value=value)
    if isinstance(value, int):
        is_safe = -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER
        return model.KeyValue(key=key, type="int64", value=value if is_safe else str(value))
    if isinstance(value, float):
        return model.KeyValue(key=key, type="float64", value=value if math.isfinite(value) else printed_double(value))
    return model.KeyValue(key=key, type="binary" if isinstance(value, bytes) else "string", value=printed(value))


def _translate_span(span: Span, *, trace_id: str, process_id: str) -> model.Span:
    warnings = _warnings(span)
    return model.Span(
        trace_id=trace_id,
        span_id=format_span_id(span.span_id),
        flags=span.flags & _SAMPLED,
        operation_name=span.name,
        references=_references(span, trace_id),
        start_time=span.start_time_unix_nano // _NS_PER_US,
        duration=max(span.duration_ns, 0) // _NS_PER_US,
        tags=_tags(span),
        logs=[_translate_event(event) for event in span.events],
        process_id=process_id,
        warnings=warnings or None,
    )


def _warnings(span: Span) -> list[str]:
    warnings = list(warnings_of(span))
    if span.duration_ns < 0:
        warnings.append(f"span ends {-span.duration_ns}ns before it starts; its duration is shown as 0")
    return warnings


def _references(span: Span, trace_id: str) -> list[model.Reference]:
    references = [_reference(link) for link in span.links]
    # Senders that have no parent write none or zeros.
    if not any(span.parent_span_id):
        return references
    parent_id = format_span_id(span.parent_span_id)
    ref_type = _CHILD_OF
    others = []
    for reference in references:
        if reference.span_id == parent_id and reference.trace_id == trace_id:
            # The parent comes once; a link to it says of which type it is.
            ref_type = reference.ref_type
        else:
            others.append(reference)
    return [model.Reference(ref_type=ref_type, trace_id=trace_id, span_id=parent_id), *others]


def _reference(link: Link) -> model.Reference:
    return model.Reference(
        ref_type=_CHILD_OF if link.attributes.get(_REF_TYPE) == "child_of" else _FOLLOWS_FROM,
        trace_id=format_trace_id(link.trace_id),
        span_id=format_span_id(link.span_id),
    )


def _tags(span: Span) -> list[model.KeyValue]:
    tags = _texts({"otel.scope.name": span.scope.name, "otel.scope.version": span.scope.version})
    tags += _fields(span.attributes)
    tags += _texts(
        {"span.kind": KIND_NAMES.get(span.kind, ""), "otel.status_code": _STATUS_NAMES.get(span.status_code, "")}
    )
    if span.status_code == StatusCode.ERROR:
        tags.append(translate_value("error", value=True))
    return tags + _texts({"otel.status_description": span.status_message, "w3c.tracestate": span.trace_state})


def _fields(attributes: Attributes) -> list[model.KeyValue]:
    return [translate_value(key, value) for key, value in attributes.items() if key != WARNINGS or not are_texts(value)]


def _texts(texts: Mapping[str, str]) -> list[model.KeyValue]:
    return [model.KeyValue(key=key, type="string", value=text) for key, text in texts.items() if text]


def _translate_event(event: Event) -> model.Log:
    fields = [translate_value(key, value) for key, value in event.attributes.items()]
    if event.name and "event" not in event.attributes:
        fields.insert(0, translate_value("event", event.name))
    return model.Log(timestamp=event.time_unix_nano // _NS_PER_US, fields=fields)
