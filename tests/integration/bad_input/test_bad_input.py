"""Each input that broke a real backend, by name, over every transport: its neighbours are stored all the same."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.integration.bad_input.conftest import Send
from tests.support.exporter import Encoding
from tests.support.store import Store
from tests.support.wire import attribute, delimited, fixed64, nested_arrays, nested_maps, number_field, request_of_spans
from tracedata import Span

_ENCODINGS: tuple[Encoding, ...] = ("grpc", "protobuf", "json")
_CANARY = "c4nary-7b1e"
_MAX_UINT64 = 2**64 - 1
_BAD_ID, _FIRST_ID, _LAST_ID = b"bad-span", b"1st-span", b"lastspan"
_LONG = secrets.token_hex(4_500)
_NAME = delimited(5, b"bad")


class Row(NamedTuple):
    """One input: fields of a span in protobuf, members of one in JSON; an encoding that cannot express it has none.

    ``marks`` are the classes of repairs, ``rejected`` is the class of a rejection; both can differ in JSON.
    """

    id: str
    protobuf: bytes | None
    json: bytes | None
    marks: Sequence[str] = ()
    json_marks: Sequence[str] | None = None
    rejected: str = ""
    trace_id: bytes | None = None
    span_id: bytes = _BAD_ID


def _text(field: bytes) -> tuple[bytes, bytes]:
    return delimited(5, field), b'"name":"%s"' % field


def _times(start: int, end: int) -> tuple[bytes, bytes]:
    json = b'"startTimeUnixNano":"%d","endTimeUnixNano":"%d"' % (start, end)
    return fixed64(7, start) + fixed64(8, end), json


def _double(value: float, json: bytes) -> tuple[bytes, bytes]:
    wire = b"\x21" + struct.pack("<d", value)
    return attribute("v", wire), _json_attribute(b'{"doubleValue":%s}' % json)


def _json_attribute(value: bytes) -> bytes:
    return b'"attributes":[{"key":"v","value":%s}]' % value


def _json_arrays(levels: int) -> bytes:
    return _json_attribute(b'{"arrayValue":{"values":[' * levels + b"{}" + b"]}}" * levels)


def _json_maps(levels: int) -> bytes:
    return _json_attribute(b'{"kvlistValue":{"values":[{"key":"k","value":' * levels + b"{}" + b"}]}}" * levels)


def _nesting() -> list[Row]:
    deep = ("nesting_too_deep",)
    rows: list[Row] = []
    for levels in (47, 48, 63, 64, 65, 2_000):
        json_marks = deep if levels > 63 else ()
        arrays, maps = attribute("v", nested_arrays(levels)), attribute("v", nested_maps(levels))
        rows += [
            Row(f"{levels}-arrays", arrays, _json_arrays(levels), deep if levels > 47 else (), json_marks),
            Row(f"{levels}-maps", maps, _json_maps(levels), deep, json_marks),
        ]
    return rows


_TRACE_ID, _SPAN_ID = "invalid_trace_id", "invalid_span_id"
_ROWS = (
    Row("nul", delimited(5, b"a\0b"), b'"name":"a\\u0000b"', ["nul_character"]),
    Row(
        "nul-in-a-key",
        attribute("a\0b", delimited(1, b"x")),
        b'"attributes":[{"key":"a\\u0000b","value":{"stringValue":"x"}}]',
        ["nul_character"],
    ),
    Row("nul-in-an-event", delimited(11, delimited(2, b"\0")), b'"events":[{"name":"\\u0000"}]', ["nul_character"]),
    Row("nul-in-a-link", delimited(13, delimited(3, b"\0")), b'"links":[{"traceState":"\\u0000"}]', ["nul_character"]),
    Row("invalid-utf-8", *_text(b"a\xffb"), ["invalid_utf8"]),
    Row("cut-utf-8", *_text(b"a\xe2\x82"), ["invalid_utf8"]),
    Row("lone-surrogate", delimited(5, b"\xed\xa0\x80"), b'"name":"\\ud800"', ["invalid_utf8"], ["lone_surrogate"]),
    Row("nan", *_double(float("nan"), b'"NaN"')),
    Row("infinity", *_double(float("inf"), b'"Infinity"')),
    Row("minus-infinity", *_double(float("-inf"), b'"-Infinity"')),
    Row("bare-nan", None, _json_attribute(b'{"doubleValue":NaN}')),
    Row("bare-infinity", None, _json_attribute(b'{"doubleValue":-Infinity}')),
    Row("largest-double", *_double(1.7976931348623157e308, b"1.7976931348623157e308")),
    Row("1e200000", None, _json_attribute(b'{"doubleValue":1e200000}'), rejected="malformed_span"),
    Row("1e131071", None, _json_attribute(b'{"doubleValue":1e131071}'), rejected="malformed_span"),
    Row("uint64", None, _json_attribute(b'{"intValue":"%d"}' % _MAX_UINT64), ["integer_out_of_range"]),
    Row("20-digits", None, _json_attribute(b'{"intValue":%d}' % 10**20), ["integer_out_of_range"]),
    Row("5000-digits", None, _json_attribute(b'{"intValue":%s}' % (b"9" * 5_000)), rejected="malformed_span"),
    Row("5000-digits-as-text", None, _json_attribute(b'{"intValue":"%s"}' % (b"9" * 5_000)), rejected="malformed_span"),
    *_nesting(),
    Row("zero-trace-id", _NAME, b'"name":"bad"', rejected=_TRACE_ID, trace_id=bytes(16)),
    Row("short-trace-id", _NAME, b'"name":"bad"', rejected=_TRACE_ID, trace_id=b"abc"),
    Row("long-trace-id", _NAME, b'"name":"bad"', rejected=_TRACE_ID, trace_id=b"abc" * 99),
    Row("no-trace-id", _NAME, b'"name":"bad"', rejected=_TRACE_ID, trace_id=b""),
    Row("zero-span-id", _NAME, b'"name":"bad"', rejected=_SPAN_ID, span_id=bytes(8)),
    Row("short-span-id", _NAME, b'"name":"bad"', rejected=_SPAN_ID, span_id=b"abc"),
    Row("no-span-id", _NAME, b'"name":"bad"', rejected=_SPAN_ID, span_id=b""),
    Row("short-parent-id", delimited(4, b"abc"), b'"parentSpanId":"616263"', ["invalid_parent_span_id"]),
    Row("zero-parent-id", delimited(4, bytes(8)), b'"parentSpanId":"%s"' % (b"0" * 16)),
    Row(
        "short-ids-of-a-link",
        delimited(13, delimited(1, b"abc") + delimited(2, b"")),
        b'"links":[{"traceId":"616263","spanId":""}]',
    ),
    Row("end-before-start", *_times(10**18, 10**18 - 191_305)),
    Row("time-zero", *_times(0, 0)),
    Row("year-2262", *_times(2**63, 2**63 + 5)),
    Row("largest-time", *_times(_MAX_UINT64, _MAX_UINT64)),
    Row("longest-duration", *_times(0, _MAX_UINT64), ["duration_out_of_range"]),
    Row("longest-negative-duration", *_times(_MAX_UINT64, 0), ["duration_out_of_range"]),
    Row(
        "time-beyond-uint64", None, b'"startTimeUnixNano":"%d"' % 2**65, ["duration_out_of_range", "time_out_of_range"]
    ),
    Row("time-of-5000-digits", None, b'"startTimeUnixNano":"%s"' % (b"9" * 5_000), rejected="malformed_span"),
    Row("negative-time", None, b'"startTimeUnixNano":-5', ["time_out_of_range"]),
    Row("duplicate-id", _NAME, b'"name":"bad"', span_id=_FIRST_ID),
    Row("self-parent", delimited(4, _BAD_ID), b'"parentSpanId":"%s"' % _BAD_ID.hex().encode()),
    Row("cycle", delimited(4, _LAST_ID), b'"parentSpanId":"%s"' % _LAST_ID.hex().encode()),
    Row("9-KB-name", *_text(_LONG.encode())),
    Row("9-KB-key", attribute(_LONG, b""), b'"attributes":[{"key":"%s","value":{}}]' % _LONG.encode()),
    Row("9-KB-event-name", delimited(11, delimited(2, _LONG.encode())), b'"events":[{"name":"%s"}]' % _LONG.encode()),
    Row("unknown-kind", number_field(6, 99), b'"kind":99'),
    Row("kind-beyond-int16", number_field(6, 2**31 - 1), b'"kind":2147483647', ["kind_out_of_range"]),
    Row("unknown-name-of-a-kind", None, b'"kind":"SPAN_KIND_HYBRID"', rejected="malformed_span"),
    Row(
        "status-beyond-int16",
        delimited(15, number_field(3, 2**31 - 1)),
        b'"status":{"code":2147483647}',
        ["status_code_out_of_range"],
    ),
    Row("negative-flags", None, b'"flags":-1', ["flags_out_of_range"]),
    Row("wrong-json-type", None, b'"name":["bad"]', rejected="malformed_span"),
    Row("key-twice", attribute("v", b"") * 2, b'"attributes":[{"key":"v","value":{}},{"key":"v","value":{}}]'),
    *(
        Row(
            f"number-for-{key}",
            attribute(key, number_field(3, 7)),
            b'"attributes":[{"key":"%s","value":{"intValue":7}}]' % key.encode(),
        )
        for key in ("http.request.method", "gen_ai.request.model", "gen_ai.input.messages", "relayscope.repaired")
    ),
    *(
        Row(
            f"array-for-{key}",
            attribute(key, nested_arrays(1)),
            b'"attributes":[{"key":"%s","value":{"arrayValue":{"values":[{}]}}}]' % key.encode(),
        )
        for key in ("http.response.status_code", "gen_ai.usage.input_tokens", "error.type")
    ),
)


def _protobuf(row: Row, trace_id: bytes) -> bytes:
    bad_trace_id = trace_id if row.trace_id is None else row.trace_id
    canary = attribute("note", delimited(1, _CANARY.encode()))
    assert row.protobuf is not None
    return request_of_spans(
        delimited(1, trace_id) + delimited(2, _FIRST_ID) + delimited(5, b"first"),
        delimited(1, bad_trace_id) + delimited(2, row.span_id) + canary + row.protobuf,
        delimited(1, trace_id) + delimited(2, _LAST_ID) + delimited(4, _BAD_ID) + delimited(5, b"last"),
    )


def _json(row: Row, trace_id: bytes) -> bytes:
    bad_trace_id = trace_id if row.trace_id is None else row.trace_id
    assert row.json is not None
    spans = (
        _json_span(trace_id, _FIRST_ID, b'"name":"first"'),
        _json_span(bad_trace_id, row.span_id, b'"traceState":"%s",%s' % (_CANARY.encode(), row.json)),
        _json_span(trace_id, _LAST_ID, b'"name":"last","parentSpanId":"%s"' % _BAD_ID.hex().encode()),
    )
    return b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}' % b",".join(spans)


def _json_span(trace_id: bytes, span_id: bytes, members: bytes) -> bytes:
    return b'{"traceId":"%s","spanId":"%s",%s}' % (trace_id.hex().encode(), span_id.hex().encode(), members)


def _cases() -> list[object]:
    return [
        pytest.param(encoding, row, id=f"{row.id}-{encoding}")
        for row in _ROWS
        for encoding in _ENCODINGS
        if (row.json if encoding == "json" else row.protobuf) is not None
    ]


@pytest.mark.parametrize(("encoding", "row"), _cases())
async def test_one_bad_span(
    postgres_store: Store, send: Send, caplog: pytest.LogCaptureFixture, *, encoding: Encoding, row: Row
) -> None:
    caplog.set_level("DEBUG")
    trace_id = secrets.token_bytes(16)

    answer = await send(encoding, _json(row, trace_id) if encoding == "json" else _protobuf(row, trace_id))

    stored = await postgres_store.trace(trace_id)
    bad = [span for span in stored if span.name not in {"first", "last"}]
    assert len(stored) - len(bad) == 2
    assert _CANARY not in caplog.text + answer.message
    if row.rejected:
        assert (answer.code, answer.rejected, answer.message, bad) == ("OK", 1, f"{row.rejected}: 1", [])
        return
    assert (answer.code, answer.rejected, answer.message) == ("OK", 0, "")
    (span,) = bad
    marks = row.marks if encoding != "json" or row.json_marks is None else row.json_marks
    assert _marks(span) == list(marks)


def _marks(span: Span) -> list[object]:
    marks = span.attributes.get("relayscope.repaired", [])
    # A sender can use the name for something else; what we put there is always a list.
    return list(marks) if isinstance(marks, list) else []
