"""Kernel spans from the REST API's JSON, read without the API's own code."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from tracedata import Attributes, Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

_Json: TypeAlias = Mapping[str, Any]


def spans_of_trace(trace: _Json) -> list[Span]:
    """The spans of ``/api/v1/traces/{id}``, in order."""
    return [_span(node) for node in trace["spans"]]


def _span(node: _Json) -> Span:
    return Span(
        trace_id=bytes.fromhex(node["traceId"]),
        span_id=bytes.fromhex(node["spanId"]),
        parent_span_id=bytes.fromhex(node["parentSpanId"] or ""),
        resource=_resource(node["resource"]),
        scope=_scope(node["scope"]),
        trace_state=node["traceState"],
        flags=node["flags"],
        name=node["name"],
        kind=SpanKind[node["kind"].upper()],
        start_time_unix_nano=int(node["startTimeUnixNano"]),
        end_time_unix_nano=int(node["endTimeUnixNano"]),
        attributes=_attributes(node["attributes"]),
        dropped_attributes_count=node["droppedAttributesCount"],
        events=[_event(event) for event in node["events"]],
        dropped_events_count=node["droppedEventsCount"],
        links=[_link(link) for link in node["links"]],
        dropped_links_count=node["droppedLinksCount"],
        status_code=StatusCode[node["statusCode"]],
        status_message=node["statusMessage"],
        redactions=node["redactions"],
        redacted_keys=node["redactedKeys"],
        redaction_policy=node["redactionPolicy"],
    )


def _resource(node: _Json) -> Resource:
    return Resource(
        attributes=_attributes(node["attributes"]),
        dropped_attributes_count=node["droppedAttributesCount"],
        schema_url=node["schemaUrl"],
    )


def _scope(node: _Json) -> Scope:
    return Scope(
        name=node["name"],
        version=node["version"],
        attributes=_attributes(node["attributes"]),
        dropped_attributes_count=node["droppedAttributesCount"],
        schema_url=node["schemaUrl"],
    )


def _event(node: _Json) -> Event:
    return Event(
        time_unix_nano=int(node["timeUnixNano"]),
        name=node["name"],
        attributes=_attributes(node["attributes"]),
        dropped_attributes_count=node["droppedAttributesCount"],
    )


def _link(node: _Json) -> Link:
    return Link(
        trace_id=bytes.fromhex(node["traceId"]),
        span_id=bytes.fromhex(node["spanId"]),
        trace_state=node["traceState"],
        attributes=_attributes(node["attributes"]),
        dropped_attributes_count=node["droppedAttributesCount"],
        flags=node["flags"],
    )


def _attributes(nodes: Iterable[_Json]) -> Attributes:
    return {node["key"]: _value(node["value"]) for node in nodes}


def _value(node: _Json) -> Value:
    if not node:
        return None
    ((field, content),) = node.items()
    if field == "arrayValue":
        return [_value(item) for item in content["values"]]
    if field == "kvlistValue":
        return _attributes(content["values"])
    if field == "bytesValue":
        return base64.b64decode(content, validate=True)
    scalars: Mapping[str, type[str | bool | int | float]] = {
        "stringValue": str,
        "boolValue": bool,
        "intValue": int,
        "doubleValue": float,
    }
    return scalars[field](content)
