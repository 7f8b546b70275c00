from __future__ import annotations

import json

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from receiver import otlp_json, protobuf
from tests.support.span_message import SPAN_ID, TRACE_ID, request_of, span_message
from tracedata import Value

_ARRAY = ArrayValue(values=[AnyValue(int_value=1), AnyValue(), AnyValue(string_value="")])
_MAP = KeyValueList(values=[KeyValue(key="k", value=AnyValue(double_value=1)), KeyValue(key="none")])

CASES = [
    pytest.param(AnyValue(string_value="a"), {"stringValue": "a"}, "a", id="string"),
    pytest.param(AnyValue(string_value=""), {"stringValue": ""}, "", id="empty string"),
    pytest.param(AnyValue(string_value="null"), {"stringValue": "null"}, "null", id="string null"),
    pytest.param(AnyValue(string_value="1"), {"stringValue": "1"}, "1", id="string of digits"),
    pytest.param(AnyValue(string_value="ü\0"), {"stringValue": "ü\0"}, "ü\0", id="NUL"),
    pytest.param(AnyValue(bool_value=True), {"boolValue": True}, True, id="true"),
    pytest.param(AnyValue(bool_value=False), {"boolValue": False}, False, id="false"),
    pytest.param(AnyValue(int_value=0), {"intValue": 0}, 0, id="zero"),
    pytest.param(AnyValue(int_value=-7), {"intValue": "-7"}, -7, id="integer in a string"),
    pytest.param(AnyValue(int_value=2**63 - 1), {"intValue": str(2**63 - 1)}, 2**63 - 1, id="largest integer"),
    pytest.param(AnyValue(int_value=-(2**63)), {"intValue": -(2**63)}, -(2**63), id="smallest integer"),
    pytest.param(AnyValue(double_value=1.0), {"doubleValue": 1}, 1.0, id="double one"),
    pytest.param(AnyValue(double_value=0.0), {"doubleValue": 0.0}, 0.0, id="double zero"),
    pytest.param(AnyValue(double_value=-0.0), {"doubleValue": -0.0}, -0.0, id="negative zero"),
    pytest.param(AnyValue(double_value=1.5e300), {"doubleValue": "1.5e300"}, 1.5e300, id="double in a string"),
    pytest.param(AnyValue(double_value=float("nan")), {"doubleValue": "NaN"}, float("nan"), id="NaN"),
    pytest.param(AnyValue(double_value=float("inf")), {"doubleValue": "Infinity"}, float("inf"), id="infinity"),
    pytest.param(AnyValue(double_value=float("-inf")), {"doubleValue": "-Infinity"}, float("-inf"), id="minus inf"),
    pytest.param(AnyValue(bytes_value=b""), {"bytesValue": ""}, b"", id="no bytes"),
    pytest.param(AnyValue(bytes_value=b"\xfb\xff"), {"bytesValue": "+/8="}, b"\xfb\xff", id="base64"),
    pytest.param(AnyValue(bytes_value=b"\xfb\xff"), {"bytesValue": "-_8"}, b"\xfb\xff", id="base64, URL-safe, bare"),
    pytest.param(AnyValue(), {}, None, id="nothing set"),
    pytest.param(AnyValue(), None, None, id="null"),
    pytest.param(AnyValue(), {"stringValue": None}, None, id="null member"),
    pytest.param(AnyValue(), {"futureValue": [1]}, None, id="unknown member"),
    pytest.param(AnyValue(string_value_strindex=3), {"stringValueStrindex": 3}, None, id="index of another signal"),
    pytest.param(AnyValue(array_value=ArrayValue()), {"arrayValue": {}}, [], id="empty array"),
    pytest.param(AnyValue(array_value=ArrayValue()), {"arrayValue": {"values": None}}, [], id="array of null"),
    pytest.param(
        AnyValue(array_value=_ARRAY),
        {"arrayValue": {"values": [{"intValue": "1"}, {}, {"stringValue": ""}]}},
        [1, None, ""],
        id="mixed array",
    ),
    pytest.param(AnyValue(kvlist_value=KeyValueList()), {"kvlistValue": {}}, {}, id="empty map"),
    pytest.param(
        AnyValue(kvlist_value=_MAP),
        {"kvlistValue": {"values": [{"key": "k", "value": {"doubleValue": 1}}, {"key": "none"}]}},
        {"k": 1.0, "none": None},
        id="map",
    ),
]


@pytest.mark.parametrize(("message", "text", "expected"), CASES)
def test_every_value_is_told_apart_in_protobuf(message: AnyValue, text: object, expected: Value) -> None:
    del text
    span = span_message()
    span.attributes.add(key="key", value=message)

    batch = protobuf.decode_traces(request_of(span).SerializeToString(), 1)

    # The printed form tells 1 from 1.0 and True, and NaN equals itself in it.
    assert repr(batch.spans[0].attributes) == repr({"key": expected})


@pytest.mark.parametrize(("message", "text", "expected"), CASES)
def test_every_value_is_told_apart_in_json(message: AnyValue, text: object, expected: Value) -> None:
    del message
    attributes = [{"key": "key", "value": text}]
    span = {"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex(), "attributes": attributes}
    data = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    batch = otlp_json.decode_traces(data, 1)

    assert repr(batch.spans[0].attributes) == repr({"key": expected})
