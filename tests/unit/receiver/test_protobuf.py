from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.error import DecodeFailedError
from receiver.protobuf import decode_traces
from tests.support.span_message import SPAN_ID, TRACE_ID, request_of, span_message
from tracedata import Batch, Event, Link, Resource, Scope, Span


def _pair(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=text))


def _full_span() -> trace_pb2.Span:
    return trace_pb2.Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"\x09" * 8,
        trace_state="a=b",
        flags=257,
        name="GET /",
        kind=trace_pb2.Span.SPAN_KIND_SERVER,
        start_time_unix_nano=2**64 - 2,
        end_time_unix_nano=1,
        attributes=[_pair("k", "first"), _pair("k", "last")],
        dropped_attributes_count=1,
        events=[trace_pb2.Span.Event(time_unix_nano=5, name="e", attributes=[_pair("x", "y")])],
        dropped_events_count=2,
        links=[trace_pb2.Span.Link(trace_id=b"\1", span_id=b"", trace_state="c=d", flags=3)],
        dropped_links_count=3,
        status=trace_pb2.Status(code=trace_pb2.Status.STATUS_CODE_ERROR, message="broken"),
    )


def test_a_span_keeps_everything() -> None:
    resource = trace_pb2.ResourceSpans(
        resource=resource_pb2.Resource(attributes=[_pair("service.name", "shop")], dropped_attributes_count=4),
        schema_url="https://example.org/resource",
        scope_spans=[
            trace_pb2.ScopeSpans(
                scope=InstrumentationScope(
                    name="library", version="1", attributes=[_pair("s", "t")], dropped_attributes_count=5
                ),
                spans=[_full_span()],
                schema_url="https://example.org/scope",
            )
        ],
    )

    batch = decode_traces(ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString(), 7)

    expected = Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"\x09" * 8,
        resource=Resource(
            attributes={"service.name": "shop"}, dropped_attributes_count=4, schema_url="https://example.org/resource"
        ),
        scope=Scope(
            name="library",
            version="1",
            attributes={"s": "t"},
            dropped_attributes_count=5,
            schema_url="https://example.org/scope",
        ),
        trace_state="a=b",
        flags=257,
        name="GET /",
        kind=2,
        start_time_unix_nano=2**64 - 2,
        end_time_unix_nano=1,
        attributes={"k": "last"},
        dropped_attributes_count=1,
        events=[Event(time_unix_nano=5, name="e", attributes={"x": "y"})],
        dropped_events_count=2,
        links=[Link(trace_id=b"\1", trace_state="c=d", flags=3)],
        dropped_links_count=3,
        status_code=2,
        status_message="broken",
    )
    assert batch == Batch(workspace_id=7, spans=[expected], rejections={})


def test_resource_and_scope_are_shared_and_may_be_missing() -> None:
    one, two = decode_traces(request_of(span_message(), span_message()).SerializeToString(), 1).spans

    assert one.resource is two.resource
    assert one.scope is two.scope
    assert (one.resource, one.scope) == (Resource(), Scope())


@pytest.mark.parametrize(
    ("trace_id", "span_id", "reason"),
    [
        pytest.param(b"", SPAN_ID, "invalid_trace_id", id="no trace id"),
        pytest.param(b"\1" * 8, SPAN_ID, "invalid_trace_id", id="short trace id"),
        pytest.param(b"\1" * 17, SPAN_ID, "invalid_trace_id", id="long trace id"),
        pytest.param(bytes(16), SPAN_ID, "invalid_trace_id", id="zero trace id"),
        pytest.param(TRACE_ID, b"", "invalid_span_id", id="no span id"),
        pytest.param(TRACE_ID, b"\1" * 7, "invalid_span_id", id="short span id"),
        pytest.param(TRACE_ID, bytes(8), "invalid_span_id", id="zero span id"),
    ],
)
def test_a_span_without_usable_ids_is_left_out_alone(trace_id: bytes, span_id: bytes, reason: str) -> None:
    bad = span_message(trace_id=trace_id, span_id=span_id)

    batch = decode_traces(request_of(span_message(name="one"), bad, span_message(name="two")).SerializeToString(), 1)

    assert [span.name for span in batch.spans] == ["one", "two"]
    assert batch.rejections == {reason: 1}


_INVALID = {"relayscope.repaired": ["invalid_parent_span_id"]}


@pytest.mark.parametrize(
    ("parent", "attributes"),
    [(b"", {}), (bytes(8), {}), (b"\1" * 7, _INVALID), (b"\1" * 9, _INVALID)],
    ids=["none", "zero", "short", "long"],
)
def test_a_parent_that_can_point_nowhere_makes_a_root(parent: bytes, attributes: dict[str, list[str]]) -> None:
    span = span_message()
    span.parent_span_id = parent

    batch = decode_traces(request_of(span).SerializeToString(), 1)

    assert (batch.spans[0].parent_span_id, batch.spans[0].attributes) == (b"", attributes)
    assert batch.rejections == {}


def test_numbers_of_enums_that_are_not_known_yet_are_kept() -> None:
    # Kind 77 and status code 78, written on the wire, since the enum's own type does not know them.
    wire = span_message().SerializeToString() + b"\x30\x4d" + b"\x7a\x02\x18\x4e"

    batch = decode_traces(request_of(trace_pb2.Span.FromString(wire)).SerializeToString(), 1)

    assert (batch.spans[0].kind, batch.spans[0].status_code) == (77, 78)


def test_nothing_is_an_empty_request() -> None:
    assert decode_traces(b"", 1) == Batch(workspace_id=1, spans=[])


@pytest.mark.parametrize("data", [b"\xff", b"{}", b"\x0a\x05abc"], ids=["garbage", "JSON", "cut off"])
def test_what_is_not_a_request_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeFailedError, match="not a protobuf ExportTraceServiceRequest"):
        decode_traces(data, 1)
