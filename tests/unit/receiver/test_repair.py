from __future__ import annotations

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from receiver import otlp_json, protobuf
from receiver.error import DecodeFailedError
from tests.support.span_message import as_json, request_of, span_message
from tests.support.wire import delimited, request_of_spans

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


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_large_requests_are_repaired_too(encoding: str) -> None:
    sent = request_of(span_message(name=_HOLE), *(span_message(name="x" * 1024 * 1024) for _ in range(6)))

    if encoding == "json":
        data = as_json(sent).replace(_HOLE.encode(), b"a\xff\xfeb")
        first, *others = otlp_json.decode_traces(data, 1).spans
    else:
        first, *others = protobuf.decode_traces(_holed(sent), 1).spans

    assert (first.name, first.attributes) == ("a��b", _MARK)
    assert [(len(span.name), span.attributes) for span in others] == [(1024 * 1024, {})] * 6


# A field that is longer than the message that it is in.
_CUT_OFF = b"\x0a\x7f"
_IDS = delimited(1, b"t" * 16) + delimited(2, b"spanspan")


@pytest.mark.parametrize(
    ("broken", "rejected"),
    [
        pytest.param(delimited(2, delimited(2, _CUT_OFF) + delimited(2, _IDS)), 1, id="span"),
        pytest.param(delimited(1, _CUT_OFF) + delimited(2, delimited(2, _IDS) * 2), 2, id="resource"),
        pytest.param(delimited(2, delimited(1, _CUT_OFF) + delimited(2, _IDS) * 3), 3, id="scope"),
    ],
)
def test_what_is_no_message_leaves_its_neighbours_alone(broken: bytes, rejected: int) -> None:
    data = delimited(1, broken) + request_of_spans(_IDS + delimited(5, b"next"))

    batch = protobuf.decode_traces(data, 1)

    assert batch.spans[-1].name == "next"
    assert batch.rejections == {"malformed_span": rejected}


def test_a_request_without_a_sound_span_is_refused() -> None:
    with pytest.raises(DecodeFailedError):
        protobuf.decode_traces(request_of_spans(_CUT_OFF), 1)


@pytest.mark.parametrize(
    "part",
    [
        '"resource":{"attributes":[{"key":"k","value":{"bytesValue":"!!"}}]},"scopeSpans":[{"spans":[{},{}]}]',
        '"resource":7,"scopeSpans":[{"spans":[{},{}]}]',
        '"scopeSpans":[{"scope":{"name":7},"spans":[{},{}]}]',
    ],
    ids=["value in a resource", "resource", "scope"],
)
def test_spans_of_what_is_malformed_in_json_are_left_out(part: str) -> None:
    sound = as_json(request_of(span_message(name="next")))
    data = sound.replace(b'"resourceSpans": [', b'"resourceSpans": [{%s},' % part.encode(), 1)

    batch = otlp_json.decode_traces(data, 1)

    assert [span.name for span in batch.spans] == ["next"]
    assert batch.rejections == {"malformed_span": 2}


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


@pytest.mark.parametrize(
    ("sent", "mark"), [(rb"\ud83d", "lone_surrogate"), (b"\xff", "invalid_utf8")], ids=["half of a pair", "byte"]
)
def test_what_is_repaired_in_json_is_marked(sent: bytes, mark: str) -> None:
    data = as_json(request_of(span_message(name=_HOLE), span_message(name="next"))).replace(_HOLE.encode(), sent)

    repaired, sound = otlp_json.decode_traces(data, 1).spans

    assert repaired.attributes == {"relayscope.repaired": [mark]}
    assert sound.attributes == {}


@pytest.mark.parametrize("wrap", ["array", "map"])
@pytest.mark.parametrize("levels", [31, 32, 47, 48, 64, 65, 2_000], ids=str)
def test_what_is_nested_too_deep_for_the_decoder_is_cut_and_marked(wrap: str, levels: int) -> None:
    wire = b""
    for _ in range(levels):
        if wrap == "map":
            wire = _delimited(6, _delimited(1, _delimited(1, b"k") + _delimited(2, wire)))
        else:
            wire = _delimited(5, _delimited(1, wire))
    deep = _delimited(9, _delimited(1, b"deep") + _delimited(2, wire))
    bad = span_message(name="bad").SerializeToString() + deep
    good = span_message(name="good").SerializeToString()
    data = _delimited(1, _delimited(2, _delimited(2, bad) + _delimited(2, good)))

    one, two = protobuf.decode_traces(data, 1).spans

    is_cut = levels > {"array": 47, "map": 31}[wrap]
    assert one.attributes.get("relayscope.repaired") == (["nesting_too_deep"] if is_cut else None)
    assert (one.name, two.name, two.attributes) == ("bad", "good", {})


def _delimited(number: int, content: bytes) -> bytes:
    size = len(content)
    varint = bytearray()
    while size > 0x7F:
        varint.append(size & 0x7F | 0x80)
        size >>= 7
    varint.append(size)
    return bytes([number << 3 | 2]) + bytes(varint) + content
