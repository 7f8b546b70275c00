"""The tests' own OTLP encoders lose nothing, so that what is missing elsewhere was lost there."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support import strategies
from tests.support.canonical import canonical
from tests.support.factory import full_span, resource, span
from tests.support.otlp import export_json, export_request, spans_of
from tracedata import Resource, Span

sent_spans = st.lists(strategies.spans(allow_nan=True), max_size=3)
thorough = settings(strategies.unhurried, max_examples=40)
ID_FIELDS = ("traceId", "spanId", "parentSpanId")


@thorough
@given(sent_spans)
def test_spans_come_back_from_protobuf(sent: list[Span]) -> None:
    encoded = export_request(sent).SerializeToString()
    decoded = ExportTraceServiceRequest.FromString(encoded)
    assert canonical(spans_of(decoded)) == canonical(sent)


@thorough
@given(sent_spans)
def test_json_says_the_same_as_protobuf(sent: list[Span]) -> None:
    # Protobuf's own JSON differs from OTLP's in one point: bytes are base64 everywhere, ids too.
    members = json.loads(export_json(sent), object_hook=_with_base64_ids)
    decoded = json_format.ParseDict(members, ExportTraceServiceRequest())
    assert canonical(spans_of(decoded)) == canonical(sent)


def _with_base64_ids(members: dict[str, Any]) -> dict[str, Any]:  # Any: whatever JSON holds
    for field in ID_FIELDS:
        if field in members:
            members[field] = base64.b64encode(bytes.fromhex(members[field])).decode()
    return members


def test_neighbours_share_their_resource_and_scope() -> None:
    shop, other = resource("shop"), Resource()
    sent = [full_span(resource=shop), full_span(resource=shop), span(resource=shop), span(resource=other)]
    request = export_request(sent)
    assert [[len(scope.spans) for scope in held.scope_spans] for held in request.resource_spans] == [[2, 1], [1]]
