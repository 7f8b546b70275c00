from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from receiver import otlp_json, protobuf
from tests.support.span_message import as_json

_TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
_UINT32, _UINT64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
_SCALARS = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=_TEXTS),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=st.integers(-(2**63), 2**63 - 1)),
    st.builds(AnyValue, double_value=st.floats()),
    st.builds(AnyValue, bytes_value=st.binary(max_size=5)),
)


def _containers(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[AnyValue]:
    pairs = st.builds(KeyValue, key=_TEXTS, value=values) | st.builds(KeyValue, key=_TEXTS)
    arrays = st.builds(ArrayValue, values=st.lists(values, max_size=3))
    maps = st.builds(KeyValueList, values=st.lists(pairs, max_size=3))
    return st.builds(AnyValue, array_value=arrays) | st.builds(AnyValue, kvlist_value=maps)


_VALUES = st.recursive(_SCALARS, _containers, max_leaves=6)
_ATTRIBUTES = st.lists(st.builds(KeyValue, key=_TEXTS, value=_VALUES) | st.builds(KeyValue, key=_TEXTS), max_size=4)
_IDS_OF_TRACES = st.binary(min_size=16, max_size=16) | st.binary(max_size=17)
_IDS_OF_SPANS = st.binary(min_size=8, max_size=8) | st.binary(max_size=9)
_EVENTS = st.builds(
    Span.Event, time_unix_nano=_UINT64, name=_TEXTS, attributes=_ATTRIBUTES, dropped_attributes_count=_UINT32
)
_LINKS = st.builds(
    Span.Link,
    trace_id=_IDS_OF_TRACES,
    span_id=_IDS_OF_SPANS,
    trace_state=_TEXTS,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=_UINT32,
    flags=_UINT32,
)
_STATUSES = st.none() | st.builds(Status, code=st.sampled_from([0, 1, 2]), message=_TEXTS)
_SPANS = st.builds(
    Span,
    trace_id=_IDS_OF_TRACES,
    span_id=_IDS_OF_SPANS,
    parent_span_id=_IDS_OF_SPANS,
    trace_state=_TEXTS,
    flags=_UINT32,
    name=_TEXTS,
    kind=st.sampled_from([0, 1, 2, 3, 4, 5]),
    start_time_unix_nano=_UINT64,
    end_time_unix_nano=_UINT64,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=_UINT32,
    events=st.lists(_EVENTS, max_size=2),
    dropped_events_count=_UINT32,
    links=st.lists(_LINKS, max_size=2),
    dropped_links_count=_UINT32,
    status=_STATUSES,
)
_SCOPES = st.none() | st.builds(
    InstrumentationScope, name=_TEXTS, version=_TEXTS, attributes=_ATTRIBUTES, dropped_attributes_count=_UINT32
)
_SCOPE_SPANS = st.builds(ScopeSpans, scope=_SCOPES, spans=st.lists(_SPANS, max_size=2), schema_url=_TEXTS)
_RESOURCES = st.none() | st.builds(Resource, attributes=_ATTRIBUTES, dropped_attributes_count=_UINT32)
_RESOURCE_SPANS = st.builds(
    ResourceSpans, resource=_RESOURCES, scope_spans=st.lists(_SCOPE_SPANS, max_size=2), schema_url=_TEXTS
)
_REQUESTS = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(_RESOURCE_SPANS, max_size=2))
_LOG_RECORDS = st.builds(
    LogRecord,
    trace_id=_IDS_OF_TRACES,
    span_id=_IDS_OF_SPANS,
    flags=_UINT32,
    time_unix_nano=_UINT64,
    observed_time_unix_nano=_UINT64,
    severity_number=st.sampled_from(range(25)),
    severity_text=_TEXTS,
    event_name=_TEXTS,
    body=st.none() | _VALUES,
    attributes=_ATTRIBUTES,
    dropped_attributes_count=_UINT32,
)
_SCOPE_LOGS = st.builds(ScopeLogs, scope=_SCOPES, log_records=st.lists(_LOG_RECORDS, max_size=2), schema_url=_TEXTS)
_RESOURCE_LOGS = st.builds(
    ResourceLogs, resource=_RESOURCES, scope_logs=st.lists(_SCOPE_LOGS, max_size=2), schema_url=_TEXTS
)
_LOG_REQUESTS = st.builds(ExportLogsServiceRequest, resource_logs=st.lists(_RESOURCE_LOGS, max_size=2))


@settings(deadline=None)
@given(_REQUESTS)
def test_both_encodings_of_a_request_decode_to_one_batch(request_message: ExportTraceServiceRequest) -> None:
    from_protobuf = protobuf.decode_traces(request_message.SerializeToString(), 1)
    from_json = otlp_json.decode_traces(as_json(request_message), 1)

    # The printed form tells 1 from 1.0 and True, and NaN equals itself in it.
    assert repr(from_json) == repr(from_protobuf)


@settings(deadline=None)
@given(_LOG_REQUESTS)
def test_both_encodings_of_a_request_of_logs_decode_to_one_batch(request_message: ExportLogsServiceRequest) -> None:
    from_protobuf = protobuf.decode_logs(request_message.SerializeToString(), 1)
    from_json = otlp_json.decode_logs(as_json(request_message), 1)

    assert repr(from_json) == repr(from_protobuf)
