from __future__ import annotations

import math

import msgspec
import pytest
from msgspec.structs import replace

from relayscope.api.rest.page import name_page
from relayscope.api.rest.representation import represent_spans, represent_summary, represent_trace
from relayscope.api.rest.value import iso_time, parse_trace_id
from relayscope.otlp.value import any_value
from tests.support.canned_reader import START_NS, TRACE_ID
from tests.support.outline import outline_of
from tests.support.trace import CHILD, MS, ROOT, failed
from tracedata import Attributes, CallerError, Event, Link, Resource, Scope, Span, Value


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("text", '{"stringValue":"text"}'),
        ("", '{"stringValue":""}'),
        (True, '{"boolValue":true}'),
        (1, '{"intValue":"1"}'),
        (-(2**63), '{"intValue":"-9223372036854775808"}'),
        (1.0, '{"doubleValue":1.0}'),
        (-0.0, '{"doubleValue":-0.0}'),
        (math.nan, '{"doubleValue":"NaN"}'),
        (math.inf, '{"doubleValue":"Infinity"}'),
        (-math.inf, '{"doubleValue":"-Infinity"}'),
        (b"\x00\xff", '{"bytesValue":"AP8="}'),
        (b"", '{"bytesValue":""}'),
        (None, "{}"),
        ([], '{"arrayValue":{"values":[]}}'),
        ([1, None], '{"arrayValue":{"values":[{"intValue":"1"},{}]}}'),
        ({}, '{"kvlistValue":{"values":[]}}'),
        ({"a": [1]}, '{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":"1"}]}}}]}}'),
    ],
)  # fmt: skip
def test_values_keep_their_type(value: Value, encoded: str) -> None:
    assert msgspec.json.encode(any_value(value)).decode() == encoded


@pytest.mark.parametrize(
    ("unix_nano", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (START_NS, "2025-01-31T12:00:00.123456789Z"),
        (2**64 - 1, "2554-07-21T23:34:33.709551615Z"),
    ],
)
def test_times_keep_nanoseconds(unix_nano: int, expected: str) -> None:
    assert iso_time(unix_nano) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5B8EFFF798038103D269B633813FC60C", TRACE_ID), ("a", b"\0" * 15 + b"\x0a"), ("0" * 32, bytes(16))],
)
def test_trace_ids_are_padded(text: str, expected: bytes) -> None:
    assert parse_trace_id(text) == expected


@pytest.mark.parametrize("text", ["", "g", "0" * 33, " 1", "0x1", "٣"])
def test_other_trace_ids_are_refused(text: str) -> None:
    with pytest.raises(CallerError, match="traceId"):
        parse_trace_id(text)


def test_a_span_is_shown_without_loss() -> None:
    span = replace(
        ROOT,
        attributes={"n": 1, "d": 1.0, "raw": b"\x01", "none": None},
        events=[Event(time_unix_nano=START_NS + 1, name="e", attributes={"k": True}, dropped_attributes_count=4)],
        links=[Link(trace_id=b"\x01", span_id=b"\x02", trace_state="a=b", attributes={"l": 1}, flags=1)],
        trace_state="x=y", flags=257, dropped_attributes_count=1, dropped_events_count=2, dropped_links_count=3,
        resource=Resource(attributes={"service.name": "s"}, dropped_attributes_count=5, schema_url="r"),
        scope=Scope(name="lib", version="1", attributes={"a": 1}, dropped_attributes_count=6, schema_url="u"),
        redactions={"EMAIL_ADDRESS": 2}, redacted_keys={"user.email": {"EMAIL_ADDRESS": 2}}, redaction_policy="ab/1",
    )  # fmt: skip
    [shown] = msgspec.to_builtins(represent_spans([span]))
    assert shown == {
        "traceId": TRACE_ID.hex(), "spanId": "0000000000000001", "parentSpanId": None,
        "name": "POST /v1/chat/completions", "kind": "server",
        "startTime": "2025-01-31T12:00:00.123456789Z", "endTime": "2025-01-31T12:00:00.223456789Z",
        "startTimeUnixNano": "1738324800123456789", "endTimeUnixNano": "1738324800223456789", "duration": 100.0,
        "component": "s", "operation": "POST /v1/chat/completions",
        "status": "success", "statusCode": "UNSET", "statusMessage": "",
        "tags": {"n": "1", "d": "1", "raw": "AQ==", "none": ""},
        "attributes": [
            {"key": "n", "value": {"intValue": "1"}}, {"key": "d", "value": {"doubleValue": 1.0}},
            {"key": "raw", "value": {"bytesValue": "AQ=="}}, {"key": "none", "value": {}},
        ],
        "events": [{
            "timestamp": "2025-01-31T12:00:00.123456790Z", "timeUnixNano": "1738324800123456790", "name": "e",
            "attributes": [{"key": "k", "value": {"boolValue": True}}], "droppedAttributesCount": 4,
        }],
        "links": [{
            "traceId": "01", "spanId": "02", "traceState": "a=b", "flags": 1,
            "attributes": [{"key": "l", "value": {"intValue": "1"}}], "droppedAttributesCount": 0,
        }],
        "traceState": "x=y", "flags": 257,
        "droppedAttributesCount": 1, "droppedEventsCount": 2, "droppedLinksCount": 3,
        "resource": {
            "attributes": [{"key": "service.name", "value": {"stringValue": "s"}}],
            "droppedAttributesCount": 5, "schemaUrl": "r",
        },
        "scope": {
            "name": "lib", "version": "1", "attributes": [{"key": "a", "value": {"intValue": "1"}}],
            "droppedAttributesCount": 6, "schemaUrl": "u",
        },
        "redactions": {"EMAIL_ADDRESS": 2}, "redactedKeys": {"user.email": {"EMAIL_ADDRESS": 2}}, "redactionPolicy": "ab/1",
    }  # fmt: skip


def test_unknown_numbers_are_kept() -> None:
    [shown] = represent_spans([replace(ROOT, kind=9, status_code=7)])
    assert (shown.kind, shown.status_code, shown.status) == ("9", "7", "success")


@pytest.mark.parametrize(
    ("span", "details"),
    [
        (ROOT, None),
        (failed(ROOT), {"message": "error without a message"}),
        (failed(ROOT, message="boom"), {"message": "boom"}),
        (failed(ROOT, attributes={"error.type": "Oops"}), {"message": "Oops", "type": "Oops"}),
        (
            failed(
                ROOT,
                attributes={"http.response.status_code": 429},
                exception={"exception.type": "E", "exception.message": "m", "exception.stacktrace": "at x"},
            ),
            {"message": "m", "code": "429", "stack": "at x", "type": "E"},
        ),
    ],
    ids=["none", "bare", "status message", "type only", "exception"],
)
def test_error_details(span: Span, details: dict[str, str] | None) -> None:
    [shown] = msgspec.to_builtins(represent_spans([span]))
    assert shown.get("errorDetails") == details


@pytest.mark.parametrize(
    ("attributes", "exception", "status"),
    [
        ({}, None, "error"),
        ({"error.type": "ValueError"}, None, "error"),
        ({"http.response.status_code": 500}, None, "error"),
        ({"rpc.grpc.status_code": 14}, None, "error"),
        ({"error.type": "TimeoutError"}, None, "timeout"),
        ({"error.type": "httpx.ReadTimeout"}, None, "timeout"),
        ({"error.type": "timed_out"}, None, "timeout"),
        ({"error.type": "504"}, None, "timeout"),
        ({"http.response.status_code": 504}, None, "timeout"),
        ({"http.status_code": 408}, None, "timeout"),
        ({"rpc.grpc.status_code": 4}, None, "timeout"),
        ({"rpc.response.status_code": "DEADLINE_EXCEEDED"}, None, "timeout"),
        ({"error.type": "_OTHER"}, {"exception.type": "asyncio.TimeoutError"}, "timeout"),
    ],
)
def test_status_of_a_trace(attributes: Attributes, exception: Attributes | None, status: str) -> None:
    summary = represent_summary(outline_of([ROOT, failed(CHILD, attributes=attributes, exception=exception)]))
    assert (summary.status, summary.error_count) == (status, 1)


def test_a_timeout_without_an_error_is_success() -> None:
    assert (
        represent_summary(outline_of([replace(ROOT, attributes={"http.response.status_code": 504})])).status
        == "success"
    )


def test_summary() -> None:
    root = replace(ROOT, attributes={"http.request.method": "POST", "http.target": "/v1/chat?key=1", "user.id": "u1"})
    child = replace(CHILD, attributes={"tenant.id": 7, "url.path": "/other"})
    assert msgspec.to_builtins(represent_summary(outline_of([root, child]))) == {
        "traceId": TRACE_ID.hex(), "name": "POST /v1/chat/completions", "rootService": "gateway",
        "startTime": "2025-01-31T12:00:00.123456789Z", "endTime": "2025-01-31T12:00:00.223456789Z",
        "duration": 100.0, "status": "success", "spanCount": 2, "errorCount": 0, "services": ["gateway", "provider"],
        "userId": "u1", "organizationId": "7", "requestPath": "/v1/chat", "requestMethod": "POST",
    }  # fmt: skip


def test_the_error_of_the_root_speaks_for_the_trace() -> None:
    spans = [failed(ROOT, message="root"), failed(CHILD, message="child")]
    assert msgspec.to_builtins(represent_summary(outline_of(spans)))["errorDetails"] == {"message": "root"}
    spans = [ROOT, failed(CHILD, message="child")]
    assert msgspec.to_builtins(represent_summary(outline_of(spans)))["errorDetails"] == {"message": "child"}


@pytest.mark.parametrize(
    ("spans", "name"),
    [
        ([CHILD, ROOT], "POST /v1/chat/completions"),
        ([CHILD], "chat gpt-4o"),
        ([CHILD, replace(CHILD, name="earlier", start_time_unix_nano=1)], "earlier"),
        ([ROOT, replace(ROOT, name="earlier root", start_time_unix_nano=1)], "earlier root"),
    ],
    ids=["root", "no root", "no root, earliest", "two roots"],
)
def test_a_trace_is_named_after_its_root(spans: list[Span], name: str) -> None:
    assert represent_summary(outline_of(spans)).name == name


def test_a_clock_that_steps_back_does_not_shorten_the_trace() -> None:
    span = replace(ROOT, end_time_unix_nano=START_NS - 5 * MS)
    assert represent_summary(outline_of([span])).duration == 0.0
    assert represent_spans([span])[0].duration == -5.0


def test_a_trace_is_its_summary_and_its_spans() -> None:
    trace = msgspec.to_builtins(represent_trace(outline_of([ROOT, CHILD]), shown=[ROOT], next_cursor="x"))
    summary = msgspec.to_builtins(represent_summary(outline_of([ROOT, CHILD])))
    assert trace == {**summary, "spans": msgspec.to_builtins(represent_spans([ROOT])), "nextCursor": "x"}


def test_pages_of_names_continue_after_one_that_vanished() -> None:
    page, cursor = name_page(["a", "b", "c"], key=lambda name: (name, 0), limit=2)
    assert list(page) == ["a", "b"]
    assert name_page(["a", "c"], key=lambda name: (name, 0), limit=2, cursor=cursor) == (["c"], None)
