"""Log records in both encodings. That the two agree is shown by a property test."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1 import logs_pb2

from receiver import otlp_json, protobuf
from receiver.error import DecodeFailedError, TooLargeError
from receiver.signal import LOGS, Encoding
from tests.support.log_message import log_message, logs_request
from tests.support.span_message import SPAN_ID, TRACE_ID, as_json
from tests.support.wire import delimited, nested_arrays
from tracedata import Batch, LogRecord, Resource, Scope, Value

_KEY = "relayscope.repaired"
_HOLE = "HOLE"
_ENCODINGS: list[Callable[[ExportLogsServiceRequest], Batch]] = [
    lambda request: protobuf.decode_logs(request.SerializeToString(), 7),
    lambda request: otlp_json.decode_logs(as_json(request), 7),
]
both_encodings = pytest.mark.parametrize("decode", _ENCODINGS, ids=["protobuf", "json"])


def _parsed(**members: object) -> logs_pb2.LogRecord:
    return json_format.ParseDict(members, logs_pb2.LogRecord())


def _json(*records: object) -> bytes:
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


@both_encodings
def test_a_record_keeps_everything(decode: Callable[[ExportLogsServiceRequest], Batch]) -> None:
    message = log_message("said", event_name="gen_ai.choice", time_unix_nano=2**64 - 1)
    message.observed_time_unix_nano = 5
    message.flags = 1
    message.severity_number = logs_pb2.SEVERITY_NUMBER_ERROR4
    message.severity_text = "Error"
    message.dropped_attributes_count = 3
    message.attributes.add(key="k").value.int_value = 4
    request = logs_request(message)
    request.resource_logs[0].schema_url = "r"
    request.resource_logs[0].scope_logs[0].schema_url = "s"

    batch = decode(request)

    expected = LogRecord(
        resource=Resource(attributes={"service.name": "checkout"}, schema_url="r"),
        scope=Scope(name="tests.logger", schema_url="s"),
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        flags=1,
        time_unix_nano=2**64 - 1,
        observed_time_unix_nano=5,
        severity_number=20,
        severity_text="Error",
        event_name="gen_ai.choice",
        body="said",
        attributes={"k": 4},
        dropped_attributes_count=3,
    )
    assert batch == Batch(workspace_id=7, log_records=[expected])


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(None, None, id="none"),
        pytest.param({}, None, id="empty"),
        pytest.param({"stringValue": ""}, "", id="no text"),
        pytest.param({"stringValue": "said"}, "said", id="text"),
        pytest.param({"boolValue": False}, False, id="truth"),
        pytest.param({"intValue": "-5"}, -5, id="integer"),
        pytest.param({"doubleValue": 1.0}, 1.0, id="double"),
        pytest.param({"bytesValue": "/wA="}, b"\xff\0", id="bytes"),
        pytest.param({"arrayValue": {"values": [{"intValue": 1}, {}]}}, [1, None], id="array"),
        pytest.param({"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}, {"k": "v"}, id="map"),
        pytest.param({"kvlistValue": {}}, {}, id="empty map"),
    ],
)
@both_encodings
def test_a_body_is_of_any_kind(
    body: dict[str, object] | None, value: Value, decode: Callable[[ExportLogsServiceRequest], Batch]
) -> None:
    (record,) = decode(logs_request(_parsed(**({} if body is None else {"body": body})))).log_records

    assert repr(record.body) == repr(value)


@pytest.mark.parametrize(
    ("trace_id", "span_id", "kept", "marks"),
    [
        pytest.param(b"", b"", (b"", b""), None, id="none"),
        pytest.param(TRACE_ID, b"", (TRACE_ID, b""), None, id="a trace alone"),
        pytest.param(bytes(16), bytes(8), (b"", b""), None, id="zeros"),
        pytest.param(TRACE_ID[:15], SPAN_ID, (b"", SPAN_ID), ["invalid_trace_id"], id="short trace id"),
        pytest.param(TRACE_ID, SPAN_ID + b"!", (TRACE_ID, b""), ["invalid_span_id"], id="long span id"),
        pytest.param(SPAN_ID, TRACE_ID, (b"", b""), ["invalid_span_id", "invalid_trace_id"], id="both"),
    ],
)
@both_encodings
def test_ids_that_are_none_are_left_out_with_a_mark(
    trace_id: bytes,
    span_id: bytes,
    kept: tuple[bytes, bytes],
    marks: list[str] | None,
    decode: Callable[[ExportLogsServiceRequest], Batch],
) -> None:
    batch = decode(logs_request(log_message(trace_id=trace_id, span_id=span_id)))

    (record,) = batch.log_records
    assert (record.trace_id, record.span_id) == kept
    assert record.attributes == ({} if marks is None else {_KEY: marks})
    assert batch.rejections == {}


def test_an_id_in_json_that_is_not_hexadecimal_is_left_out_with_a_mark() -> None:
    (record,) = otlp_json.decode_logs(_json({"traceId": "not hex", "spanId": SPAN_ID.hex()}), 1).log_records

    assert (record.trace_id, record.span_id, record.attributes) == (b"", SPAN_ID, {_KEY: ["invalid_trace_id"]})


@pytest.mark.parametrize("number", range(25), ids=str)
def test_severities_have_names_in_json(number: int) -> None:
    name = logs_pb2.SeverityNumber.Name(logs_pb2.SeverityNumber.ValueType(number))

    records = otlp_json.decode_logs(_json({"severityNumber": name}, {"severityNumber": number}), 1).log_records

    assert [record.severity_number for record in records] == [number, number]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"body": {"stringValue": _HOLE}}, id="body"),
        pytest.param({"body": {"arrayValue": {"values": [{"stringValue": _HOLE}]}}}, id="array"),
        pytest.param({"body": {"kvlistValue": {"values": [{"key": _HOLE}]}}}, id="map"),
        pytest.param({"severityText": _HOLE}, id="severity"),
        pytest.param({"eventName": _HOLE}, id="event name"),
        pytest.param({"attributes": [{"key": _HOLE}]}, id="key"),
    ],
)
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_text_that_is_not_utf8_is_repaired_and_marked_on_its_record_alone(
    members: dict[str, object], encoding: str
) -> None:
    request = logs_request(_parsed(**members), log_message("good ü"))
    if encoding == "json":
        data = as_json(request).replace(_HOLE.encode(), b"a\xff\xfeb")
        bad, good = otlp_json.decode_logs(data, 1).log_records
    else:
        data = request.SerializeToString().replace(_HOLE.encode(), b"a\xff\xfeb")
        bad, good = protobuf.decode_logs(data, 1).log_records

    assert bad.attributes[_KEY] == ["invalid_utf8"]
    assert "a��b" in repr(bad)
    assert (good.body, good.attributes) == ("good ü", {})


def test_a_body_that_is_nested_without_end_is_cut() -> None:
    deep = delimited(5, nested_arrays(200))
    good = delimited(5, delimited(1, b"good"))
    data = delimited(1, delimited(2, delimited(2, deep) + delimited(2, good)))

    cut, kept = protobuf.decode_logs(data, 1).log_records

    assert cut.attributes[_KEY] == ["nesting_too_deep"]
    assert (kept.body, kept.attributes) == ("good", {})


@pytest.mark.parametrize(
    "bad",
    [
        {"body": {"bytesValue": "!!"}},
        {"body": "text"},
        {"timeUnixNano": "soon"},
        {"severityNumber": "LOUD"},
        {"severityText": 5},
        {"eventName": ["x"]},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_malformed_record_in_json_is_left_out_alone(bad: dict[str, object]) -> None:
    batch = otlp_json.decode_logs(_json({"severityText": "one"}, bad, {"severityText": "two"}), 1)

    assert [record.severity_text for record in batch.log_records] == ["one", "two"]
    assert batch.rejections == {"malformed_log_record": 1}


def test_a_malformed_record_in_protobuf_is_left_out_alone() -> None:
    cut_off = b"\x0a\x7f"
    data = delimited(1, delimited(2, delimited(2, cut_off))) + logs_request(log_message("next")).SerializeToString()

    batch = protobuf.decode_logs(data, 1)

    assert [record.body for record in batch.log_records] == ["next"]
    assert batch.rejections == {"malformed_log_record": 1}


@pytest.mark.parametrize(
    ("decode", "data", "name"),
    [
        pytest.param(protobuf.decode_logs, b"\xffsecret", "ExportLogsServiceRequest", id="protobuf"),
        pytest.param(otlp_json.decode_logs, b'{"resourceLogs": 5}', r"\$\.resourceLogs", id="json"),
        pytest.param(otlp_json.decode_logs, _json({"severityText": 5}), r"severityText", id="no sound record"),
    ],
)
def test_what_is_no_request_is_refused(decode: Callable[[bytes, int], Batch], data: bytes, name: str) -> None:
    with pytest.raises(DecodeFailedError, match=name) as refused:
        decode(data, 1)
    assert "secret" not in str(refused.value)


def test_objects_are_counted_before_decoding() -> None:
    data = logs_request(*(log_message() for _ in range(100))).SerializeToString()
    LOGS.protobuf.check(data, 1_000)
    with pytest.raises(TooLargeError):
        LOGS.protobuf.check(data, 100)


@pytest.mark.parametrize("encoding", [LOGS.protobuf, LOGS.json], ids=["protobuf", "json"])
def test_slices_hold_every_record_in_order(encoding: Encoding) -> None:
    request = logs_request(*(log_message(str(number)) for number in range(25)))
    data = request.SerializeToString() if encoding is LOGS.protobuf else as_json(request)

    batches = list(encoding.decode(data, 1, max_items=10))

    assert [len(batch.log_records) for batch in batches] == [10, 10, 5]
    assert [record.body for batch in batches for record in batch.log_records] == [str(number) for number in range(25)]
