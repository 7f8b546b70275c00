"""OTLP messages for tests, in protobuf and in JSON, made without the receiver's code."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE_ID = bytes(range(1, 17))
SPAN_ID = bytes(range(1, 9))

_IDS = frozenset(("traceId", "spanId", "parentSpanId"))


def span_message(*, trace_id: bytes = TRACE_ID, span_id: bytes = SPAN_ID, name: str = "GET /") -> Span:
    return Span(trace_id=trace_id, span_id=span_id, name=name)


def request_of(*spans: Span) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    return request


def as_json(request: Message) -> bytes:
    """The request in OTLP/JSON: protobuf's own mapping, but for ids, which are hexadecimal."""
    return json.dumps(_with_hex_ids(json_format.MessageToDict(request))).encode()


def _with_hex_ids(node: Any) -> Any:  # noqa: ANN401  # JSON.
    if isinstance(node, dict):
        return {
            key: base64.b64decode(value).hex() if key in _IDS else _with_hex_ids(value) for key, value in node.items()
        }
    if isinstance(node, list):
        return [_with_hex_ids(item) for item in node]
    return node
