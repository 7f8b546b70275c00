from __future__ import annotations

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from receiver import otlp_json, protobuf
from receiver.error import DecodeFailedError
from tests.support.span_message import as_json, request_of, span_message

_KEY = "relayscope.repaired"
_MARK = {_KEY: ["invalid_utf8"]}
# Stands for bytes that are not UTF-8, and has as many.
_HOLE = "HOLE"


def _holed(request: ExportTraceServiceRequest) -> bytes:
    return request.SerializeToString().replace(_HOLE.encode(), b"a\xff\xfeb")


def test_text_that_is_not_utf8_is_repaired_and_marked_on_its_span_alone() -> None:
    bad, good = span_message(name=_HOLE), span_message(name="good ü")
    bad.attributes.add(key="bytes", value=AnyValue(bytes_value=b"\xff\0"))
    bad.attributes.add(key="number", value=AnyValue(int_value=5))

    one, two = protobuf.decode_traces(_holed(request_of(bad, good)), 1).spans

    assert one.name == "a��b"
    assert one.attributes == {"bytes": b"\xff\0", "number": 5, **_MARK}
    assert (two.name, two.attributes) == ("good ü", {})


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"traceState": _HOLE}, id="trace state"),
        pytest.param({"status": {"message": _HOLE}}, id="status"),
        pytest.param({"events": [{"name": _HOLE}, {"name": _HOLE}]}, id="events"),
        pytest.param({"links": [{"traceState": _HOLE}]}, id="link"),
        pytest.param({"events": [{"attributes": [{"key": _HOLE}]}]}, id="key"),
        pytest.param(
            {"attributes": [{"key": "k", "value": {"arrayValue": {"values": [{"stringValue": _HOLE}]}}}]},
            id="nested value",
        ),
    ],
)
def test_every_text_of_a_span_is_repaired(members: dict[str, object]) -> None:
    span = json_format.ParseDict(members, span_message())

    (decoded,) = protobuf.decode_traces(_holed(request_of(span)), 1).spans

    assert decoded.attributes[_KEY] == ["invalid_utf8"]
    assert "a��b" in repr(decoded)


def test_resource_and_scope_carry_their_own_mark() -> None:
    request = request_of(span_message())
    request.resource_spans[0].resource.attributes.add(key="service.name").value.string_value = _HOLE
    request.resource_spans[0].scope_spans[0].scope.name = _HOLE

    (span,) = protobuf.decode_traces(_holed(request), 1).spans

    assert span.resource.attributes == {"service.name": "a��b", **_MARK}
    assert (span.scope.name, span.scope.attributes) == ("a��b", _MARK)
    assert span.attributes == {}


def test_large_requests_are_refused_rather_than_repaired() -> None:
    large = request_of(span_message(name=_HOLE), span_message(name="x" * 4 * 1024 * 1024))

    with pytest.raises(DecodeFailedError):
        protobuf.decode_traces(_holed(large), 1)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (rb"\ud83d", "�"),
        (rb"\uD83D\uDE00 \ude00", "\U0001f600 �"),
        (rb"\ud83d\ud83d\ude00", "�\U0001f600"),
        (rb"\\ud83d \udfff \u00fc \n", "\\ud83d � ü \n"),
        (rb"\\\ud83d", "\\�"),
        (b"a\xffb", "a�b"),
        ("ü\U0001f600".encode() + b"\xf0\x9f", "ü\U0001f600�"),
    ],
    ids=["high half", "pair and low half", "half and pair", "escaped backslash", "backslash and half", "byte", "cut"],
)
def test_json_whose_text_is_not_unicode_is_repaired(sent: bytes, name: str) -> None:
    data = as_json(request_of(span_message(name=_HOLE))).replace(_HOLE.encode(), sent)

    (span,) = otlp_json.decode_traces(data, 1).spans

    assert span.name == name
