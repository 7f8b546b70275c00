"""What is generated is what the contracts say, and the contracts say what Jaeger's do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import Message

from relayscope.api.generated.jaeger.api_v2 import model_pb2 as model
from relayscope.api.generated.jaeger.api_v2 import query_pb2 as v2
from relayscope.api.generated.jaeger.api_v3 import query_pb2 as v3
from relayscope.api.generated.jaeger.expression.v1 import expression_pb2 as expression
from relayscope.api.generated.jaeger.storage.v2 import capabilities_pb2, dependency_pb2
from relayscope.api.generated.jaeger.storage.v2 import trace_pb2 as storage
from tests.support.wire_code import CONTRACTS, GENERATED, generate

# Names, numbers and types as they are on the wire, from Jaeger's contracts (jaeger-idl 0.11.1). T and D are google.protobuf's
# Timestamp and Duration, `*` is repeated, `stream` an answer in several messages.
_CONTRACTS = """
jaeger.expression.v1.Expression: attr=1 AttributeReference, field=2 FieldReference, nested=3 NestedReference, scalar=4 Scalar, list=5 List, call=6 Call
jaeger.expression.v1.AttributeReference: key=1 string, level=2 string
jaeger.expression.v1.FieldReference: name=1 string, level=2 string
jaeger.expression.v1.NestedReference: level=1 string
jaeger.expression.v1.Scalar: value=1 string, type=2 string
jaeger.expression.v1.List: values=1 string*, type=2 string
jaeger.expression.v1.Call: op=1 string, args=2 Expression*
jaeger.storage.v2.GetTraceParams: trace_id=1 bytes, start_time=2 T, end_time=3 T
jaeger.storage.v2.GetTracesRequest: query=1 GetTraceParams*
jaeger.storage.v2.GetServicesRequest:
jaeger.storage.v2.GetServicesResponse: services=1 string*
jaeger.storage.v2.GetOperationsRequest: service=1 string, span_kind=2 string
jaeger.storage.v2.GetOperationsResponse: operations=1 Operation*
jaeger.storage.v2.Operation: name=1 string, span_kind=2 string
jaeger.storage.v2.KeyValue: key=1 string, value=2 AnyValue
jaeger.storage.v2.AnyValue: string_value=1 string, bool_value=2 bool, int_value=3 int64, double_value=4 double, array_value=5 ArrayValue, kvlist_value=6 KeyValueList, bytes_value=7 bytes
jaeger.storage.v2.KeyValueList: values=1 KeyValue*
jaeger.storage.v2.ArrayValue: values=1 AnyValue*
jaeger.storage.v2.TraceQueryParameters: service_name=1 string, operation_name=2 string, attributes=3 KeyValue*, start_time_min=4 T, start_time_max=5 T, duration_min=6 D, duration_max=7 D, search_depth=8 int32, filter=9 Call
jaeger.storage.v2.FindTracesRequest: query=1 TraceQueryParameters
jaeger.storage.v2.FindTraceIDsRequest: query=1 TraceQueryParameters
jaeger.storage.v2.FoundTraceID: trace_id=1 bytes, start=2 T, end=3 T
jaeger.storage.v2.FindTraceIDsResponse: trace_ids=1 FoundTraceID*
jaeger.storage.v2.FindTraceSummariesRequest: query=1 TraceQueryParameters
jaeger.storage.v2.FindTraceSummariesResponse: summaries=1 TraceSummary*
jaeger.storage.v2.ServiceSummary: name=1 string, span_count=2 int32, error_span_count=3 int32
jaeger.storage.v2.TraceSummary: trace_id=1 bytes, root_service_name=2 string, root_operation_name=3 string, min_start_time_unix_nano=4 fixed64, max_end_time_unix_nano=5 fixed64, span_count=6 int32, error_span_count=7 int32, orphan_span_count=8 int32, services=9 ServiceSummary*
jaeger.storage.v2.GetDependenciesRequest: start_time=1 T, end_time=2 T
jaeger.storage.v2.GetDependenciesResponse: dependencies=1 Dependency*
jaeger.storage.v2.Dependency: parent=1 string, child=2 string, call_count=3 uint64, source=4 string
jaeger.storage.v2.GetCapabilitiesRequest:
jaeger.storage.v2.GetCapabilitiesResponse: search=1 SearchCapabilities
jaeger.storage.v2.SearchCapabilities: without_service_name=1 bool, same_span_conjunction=2 bool, filter=3 FilterCapabilities
jaeger.storage.v2.FilterCapabilities: levels=1 string*, operators=2 string*
jaeger.api_v3.GetTraceRequest: trace_id=1 string, start_time=2 T, end_time=3 T, raw_traces=4 bool
jaeger.api_v3.FindTracesRequest: query=1 TraceQueryParameters
jaeger.api_v3.TraceQueryParameters: service_name=1 string, operation_name=2 string, attributes=3 AttributesEntry*, start_time_min=4 T, start_time_max=5 T, duration_min=6 D, duration_max=7 D, search_depth=8 int32, raw_traces=9 bool, filter=10 Call
jaeger.api_v3.GetServicesRequest:
jaeger.api_v3.GetServicesResponse: services=1 string*
jaeger.api_v3.GetOperationsRequest: service=1 string, span_kind=2 string
jaeger.api_v3.GetOperationsResponse: operations=1 Operation*
jaeger.api_v3.Operation: name=1 string, span_kind=2 string
jaeger.api_v3.GetDependenciesRequest: start_time=1 T, end_time=2 T
jaeger.api_v3.DependenciesResponse: dependencies=1 Dependency*
jaeger.api_v3.Dependency: parent=1 string, child=2 string, call_count=3 uint64
jaeger.api_v3.FindTraceSummariesRequest: query=1 TraceQueryParameters
jaeger.api_v3.FindTraceSummariesResponse: summaries=1 TraceSummary*
jaeger.api_v3.ServiceSummary: name=1 string, span_count=2 int32, error_span_count=3 int32
jaeger.api_v3.TraceSummary: trace_id=1 string, root_service_name=2 string, root_operation_name=3 string, min_start_time_unix_nano=4 fixed64, max_end_time_unix_nano=5 fixed64, span_count=6 int32, error_span_count=7 int32, orphan_span_count=8 int32, services=9 ServiceSummary*
jaeger.api_v3.GRPCGatewayError: error=1 GRPCGatewayErrorDetails
jaeger.api_v3.GRPCGatewayWrapper: result=1 TracesData
jaeger.api_v2.GetTraceRequest: trace_id=1 bytes, start_time=2 T, end_time=3 T, raw_traces=4 bool
jaeger.api_v2.SpansResponseChunk: spans=1 Span*
jaeger.api_v2.ArchiveTraceRequest: trace_id=1 bytes, start_time=2 T, end_time=3 T
jaeger.api_v2.ArchiveTraceResponse:
jaeger.api_v2.TraceQueryParameters: service_name=1 string, operation_name=2 string, tags=3 TagsEntry*, start_time_min=4 T, start_time_max=5 T, duration_min=6 D, duration_max=7 D, search_depth=8 int32, raw_traces=9 bool
jaeger.api_v2.FindTracesRequest: query=1 TraceQueryParameters
jaeger.api_v2.GetServicesRequest:
jaeger.api_v2.GetServicesResponse: services=1 string*
jaeger.api_v2.GetOperationsRequest: service=1 string, span_kind=2 string
jaeger.api_v2.Operation: name=1 string, span_kind=2 string
jaeger.api_v2.GetOperationsResponse: operationNames=1 string*, operations=2 Operation*
jaeger.api_v2.GetDependenciesRequest: start_time=1 T, end_time=2 T
jaeger.api_v2.GetDependenciesResponse: dependencies=1 DependencyLink*
jaeger.api_v2.KeyValue: key=1 string, v_type=2 ValueType, v_str=3 string, v_bool=4 bool, v_int64=5 int64, v_float64=6 double, v_binary=7 bytes
jaeger.api_v2.Log: timestamp=1 T, fields=2 KeyValue*
jaeger.api_v2.SpanRef: trace_id=1 bytes, span_id=2 bytes, ref_type=3 SpanRefType
jaeger.api_v2.Process: service_name=1 string, tags=2 KeyValue*
jaeger.api_v2.Span: trace_id=1 bytes, span_id=2 bytes, operation_name=3 string, references=4 SpanRef*, flags=5 uint32, start_time=6 T, duration=7 D, tags=8 KeyValue*, logs=9 Log*, process=10 Process, process_id=11 string, warnings=12 string*
jaeger.api_v2.Trace: spans=1 Span*, process_map=2 ProcessMapping*, warnings=3 string*
jaeger.api_v2.Batch: spans=1 Span*, process=2 Process
jaeger.api_v2.DependencyLink: parent=1 string, child=2 string, call_count=3 uint64, source=4 string
jaeger.storage.v2.TraceReader: GetTraces(GetTracesRequest) stream TracesData, GetServices(GetServicesRequest) GetServicesResponse, GetOperations(GetOperationsRequest) GetOperationsResponse, FindTraces(FindTracesRequest) stream TracesData, FindTraceIDs(FindTraceIDsRequest) FindTraceIDsResponse, FindTraceSummaries(FindTraceSummariesRequest) stream FindTraceSummariesResponse
jaeger.storage.v2.DependencyReader: GetDependencies(GetDependenciesRequest) GetDependenciesResponse
jaeger.storage.v2.Capabilities: GetCapabilities(GetCapabilitiesRequest) GetCapabilitiesResponse
jaeger.api_v3.QueryService: GetTrace(GetTraceRequest) stream TracesData, FindTraces(FindTracesRequest) stream TracesData, GetServices(GetServicesRequest) GetServicesResponse, GetOperations(GetOperationsRequest) GetOperationsResponse, GetDependencies(GetDependenciesRequest) DependenciesResponse, FindTraceSummaries(FindTraceSummariesRequest) stream FindTraceSummariesResponse
jaeger.api_v2.QueryService: GetTrace(GetTraceRequest) stream SpansResponseChunk, ArchiveTrace(ArchiveTraceRequest) ArchiveTraceResponse, FindTraces(FindTracesRequest) stream SpansResponseChunk, GetServices(GetServicesRequest) GetServicesResponse, GetOperations(GetOperationsRequest) GetOperationsResponse, GetDependencies(GetDependenciesRequest) GetDependenciesResponse
"""
_FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR for module in (expression, storage, dependency_pb2, capabilities_pb2, v3, model, v2)
)
_SHORT = {"google.protobuf.Timestamp": "T", "google.protobuf.Duration": "D"}
_SCALARS = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


def test_contracts_have_jaegers_names_numbers_and_types() -> None:
    wanted = dict(line.split(":", 1) for line in _CONTRACTS.strip().splitlines())
    found = {
        message.full_name: ", ".join(_field(field) for field in message.fields)
        for file in _FILES
        for message in file.message_types_by_name.values()
    } | {
        service.full_name: ", ".join(
            f"{method.name}({method.input_type.name}) {'stream ' if method.server_streaming else ''}{method.output_type.name}"
            for method in service.methods
        )
        for file in _FILES
        for service in file.services_by_name.values()
    }
    assert found == {name: fields.strip() for name, fields in wanted.items()}


def test_enumerations_have_jaegers_numbers() -> None:
    assert dict(model.ValueType.items()) == {"STRING": 0, "BOOL": 1, "INT64": 2, "FLOAT64": 3, "BINARY": 4}
    assert dict(model.SpanRefType.items()) == {"CHILD_OF": 0, "FOLLOWS_FROM": 1}


def _field(field: FieldDescriptor) -> str:
    kind: Descriptor | None = field.message_type
    name = (
        _SHORT.get(kind.full_name, kind.name)
        if kind
        else field.enum_type.name
        if field.enum_type
        else _SCALARS[field.type]
    )
    return f"{field.name}={field.number} {name}{'*' if field.is_repeated else ''}"


# Bytes by hand: a tag is the number times eight, plus 0 for a varint, 1 for eight bytes, 2 for what has a length.
@pytest.mark.parametrize(
    ("message", "data"),
    [
        pytest.param(
            storage.TraceQueryParameters(service_name="a", search_depth=20),
            b"\x0a\x01a\x40\x14",
            id="storage query",
        ),
        pytest.param(
            storage.TraceQueryParameters(
                attributes=[storage.KeyValue(key="k", value=storage.AnyValue(bytes_value=b"\xff"))]
            ),
            b"\x1a\x08\x0a\x01k\x12\x03\x3a\x01\xff",
            id="storage attribute",
        ),
        pytest.param(
            storage.TraceSummary(trace_id=b"\x01", min_start_time_unix_nano=1, orphan_span_count=2),
            b"\x0a\x01\x01\x21\x01\x00\x00\x00\x00\x00\x00\x00\x40\x02",
            id="storage summary",
        ),
        pytest.param(
            v3.TraceQueryParameters(attributes={"k": "v"}, raw_traces=True, filter=expression.Call(op="eq")),
            b"\x1a\x06\x0a\x01k\x12\x01v\x48\x01\x52\x04\x0a\x02eq",
            id="v3 query",
        ),
        pytest.param(v2.GetOperationsResponse(operationNames=["a"]), b"\x0a\x01a", id="v2 operation names"),
        pytest.param(
            model.Span(flags=1, process_id="p1", warnings=["w"]),
            b"\x28\x01\x5a\x02p1\x62\x01w",
            id="v2 span",
        ),
        pytest.param(
            model.KeyValue(key="k", v_type=model.BINARY, v_binary=b"\x00"),
            b"\x0a\x01k\x10\x04\x3a\x01\x00",
            id="v2 tag",
        ),
        pytest.param(
            dependency_pb2.Dependency(parent="a", child="b", call_count=300),
            b"\x0a\x01a\x12\x01b\x18\xac\x02",
            id="dependency",
        ),
    ],
)
def test_messages_are_these_bytes(message: Message, data: bytes) -> None:
    assert message.SerializeToString(deterministic=True) == data
    assert type(message).FromString(data) == message


def test_generated_code_is_what_make_proto_writes(tmp_path: Path) -> None:
    generate(tmp_path)
    committed = {
        path.relative_to(GENERATED) for path in GENERATED.rglob("*_pb2*.py*") if path.suffix in (".py", ".pyi")
    }
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.py*")}
    assert made == committed
    different = [str(path) for path in made if (tmp_path / path).read_text() != (GENERATED / path).read_text()]
    assert different == [], "run make proto"


def test_contracts_are_in_our_own_words() -> None:
    # What the wire does not have is left out: options of other languages and gateways.
    for path in CONTRACTS.rglob("*.proto"):
        assert not re.search(r"^\s*option |gogoproto|google\.api", path.read_text(), re.MULTILINE), path
