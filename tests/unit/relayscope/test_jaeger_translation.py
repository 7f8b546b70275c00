"""What the Collector's Jaeger translator does, rule by rule, seen in the JSON that a client reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from relayscope.api.jaeger.translation import translate_trace
from tracedata import Event, Link, Resource, Scope, Span, Value

TRACE = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER_TRACE = bytes(8) + b"\7" * 8
SPAN_ID = bytes.fromhex("00f067aa0ba902b7")
PARENT = bytes.fromhex("0102030405060708")
OTHER = bytes.fromhex("1112131415161718")
SHOP = Resource(attributes={"service.name": "shop"})
BARE = Span(trace_id=TRACE, span_id=SPAN_ID, resource=SHOP, scope=Scope())
# JSON as a client sees it: its shape is what the tests are about.
Json = Any


def span(**fields: object) -> Span:
    return msgspec.structs.replace(BARE, **fields)


def shown(*spans: Span) -> Json:
    return msgspec.json.decode(msgspec.json.encode(translate_trace(TRACE, spans)))


def shown_span(**fields: object) -> Json:
    return shown(span(**fields))["spans"][0]


def text(key: str, value: str) -> dict[str, object]:
    return {"key": key, "type": "string", "value": value}


def test_a_trace_has_every_field() -> None:
    full = span(
        parent_span_id=PARENT,
        name="GET /cart",
        flags=1,
        start_time_unix_nano=1_700_000_000_123_456_789,
        end_time_unix_nano=1_700_000_000_125_456_788,
        attributes={"http.status_code": 200},
        events=[Event(time_unix_nano=1_700_000_000_124_000_999, name="retry", attributes={"n": 1})],
    )
    assert shown(full) == {
        "traceID": "00112233445566778899aabbccddeeff",
        "spans": [
            {
                "traceID": "00112233445566778899aabbccddeeff",
                "spanID": "00f067aa0ba902b7",
                "flags": 1,
                "operationName": "GET /cart",
                "references": [
                    {
                        "refType": "CHILD_OF",
                        "traceID": "00112233445566778899aabbccddeeff",
                        "spanID": "0102030405060708",
                    }
                ],
                "startTime": 1_700_000_000_123_456,
                "duration": 1_999,
                "tags": [{"key": "http.status_code", "type": "int64", "value": 200}],
                "logs": [
                    {
                        "timestamp": 1_700_000_000_124_000,
                        "fields": [text("event", "retry"), {"key": "n", "type": "int64", "value": 1}],
                    }
                ],
                "processID": "p1",
                "warnings": None,
            }
        ],
        "processes": {"p1": {"serviceName": "shop", "tags": []}},
        "warnings": None,
    }


def test_a_bare_span_has_empty_arrays_and_no_flags() -> None:
    assert shown_span() == {
        "traceID": TRACE.hex(),
        "spanID": SPAN_ID.hex(),
        "operationName": "",
        "references": [],
        "startTime": 0,
        "duration": 0,
        "tags": [],
        "logs": [],
        "processID": "p1",
        "warnings": None,
    }


def test_short_trace_ids_have_16_digits_everywhere() -> None:
    short = span(trace_id=OTHER_TRACE, parent_span_id=PARENT)
    trace = msgspec.to_builtins(translate_trace(OTHER_TRACE, [short]))
    ids = {trace["traceID"], trace["spans"][0]["traceID"], trace["spans"][0]["references"][0]["traceID"]}
    assert ids == {"07" * 8}


@pytest.mark.parametrize(
    ("value", "kind", "shown_value"),
    [
        pytest.param("text", "string", "text", id="string"),
        pytest.param("", "string", "", id="empty string"),
        pytest.param(True, "bool", True, id="true"),
        pytest.param(False, "bool", False, id="false"),
        pytest.param(1, "int64", 1, id="int"),
        pytest.param(-1, "int64", -1, id="negative int"),
        pytest.param(2**53 - 1, "int64", 2**53 - 1, id="largest safe int"),
        pytest.param(2**53, "int64", "9007199254740992", id="int beyond the safe range"),
        pytest.param(-(2**53) + 1, "int64", -(2**53) + 1, id="smallest safe int"),
        pytest.param(-(2**53), "int64", "-9007199254740992", id="int below the safe range"),
        pytest.param(2**63 - 1, "int64", "9223372036854775807", id="largest int"),
        pytest.param(1.0, "float64", 1.0, id="double 1"),
        pytest.param(72.5, "float64", 72.5, id="double"),
        pytest.param(float("nan"), "float64", "NaN", id="not a number"),
        pytest.param(float("inf"), "float64", "+Inf", id="infinity"),
        pytest.param(float("-inf"), "float64", "-Inf", id="negative infinity"),
        pytest.param(b"\0\xff", "binary", "AP8=", id="bytes"),
        pytest.param(b"", "binary", "", id="empty bytes"),
        pytest.param(None, "string", "", id="empty value"),
        pytest.param(["a", 1, True], "string", '["a",1,true]', id="slice"),
        pytest.param([], "string", "[]", id="empty slice"),
        pytest.param({"b": [1.5], "a": b"\1"}, "string", '{"a":"AQ==","b":[1.5]}', id="map"),
    ],
)
def test_values_keep_their_types(value: Value, kind: str, shown_value: object) -> None:
    (tag,) = shown_span(attributes={"k": value})["tags"]
    assert tag == {"key": "k", "type": kind, "value": shown_value}
    # 1 == 1.0 == True in Python.
    assert type(tag["value"]) is type(shown_value)


STATUS_OK = text("otel.status_code", "OK")
STATUS_ERROR = text("otel.status_code", "ERROR")
ERROR = {"key": "error", "type": "bool", "value": True}


@pytest.mark.parametrize(
    ("fields", "tags"),
    [
        pytest.param({"scope": Scope(name="lib")}, [text("otel.scope.name", "lib")], id="scope name"),
        pytest.param(
            {"scope": Scope(name="lib", version="1", attributes={"dropped": "x"})},
            [text("otel.scope.name", "lib"), text("otel.scope.version", "1")],
            id="scope version, no scope attributes",
        ),
        pytest.param({"kind": 0}, [], id="unspecified kind"),
        pytest.param({"kind": 1}, [text("span.kind", "internal")], id="internal"),
        pytest.param({"kind": 2}, [text("span.kind", "server")], id="server"),
        pytest.param({"kind": 3}, [text("span.kind", "client")], id="client"),
        pytest.param({"kind": 4}, [text("span.kind", "producer")], id="producer"),
        pytest.param({"kind": 5}, [text("span.kind", "consumer")], id="consumer"),
        pytest.param({"kind": 99}, [], id="unknown kind"),
        pytest.param({"status_code": 0}, [], id="status unset"),
        pytest.param({"status_code": 1}, [STATUS_OK], id="status ok"),
        pytest.param({"status_code": 2}, [STATUS_ERROR, ERROR], id="status error"),
        pytest.param({"status_message": "no"}, [text("otel.status_description", "no")], id="status message"),
        pytest.param({"trace_state": "a=b"}, [text("w3c.tracestate", "a=b")], id="trace state"),
        pytest.param(
            {
                "scope": Scope(name="lib", version="1"),
                "attributes": {"z": "1", "a": "2"},
                "kind": 3,
                "status_code": 2,
                "status_message": "no",
                "trace_state": "a=b",
            },
            [
                text("otel.scope.name", "lib"),
                text("otel.scope.version", "1"),
                text("z", "1"),
                text("a", "2"),
                text("span.kind", "client"),
                STATUS_ERROR,
                ERROR,
                text("otel.status_description", "no"),
                text("w3c.tracestate", "a=b"),
            ],
            id="all, in order",
        ),
    ],
)
def test_what_jaeger_has_no_field_for_becomes_tags(fields: dict[str, object], tags: list[object]) -> None:
    assert shown_span(**fields)["tags"] == tags


def reference(ref_type: str, trace_id: str, span_id: bytes) -> dict[str, str]:
    return {"refType": ref_type, "traceID": trace_id, "spanID": span_id.hex()}


CHILD = {"opentracing.ref_type": "child_of"}
OWN = TRACE.hex()


@pytest.mark.parametrize(
    ("parent", "links", "references"),
    [
        pytest.param(b"", [], [], id="root"),
        pytest.param(bytes(8), [], [], id="parent of zeros"),
        pytest.param(PARENT, [], [reference("CHILD_OF", OWN, PARENT)], id="parent"),
        pytest.param(
            b"",
            [Link(trace_id=OTHER_TRACE, span_id=OTHER)],
            [reference("FOLLOWS_FROM", "07" * 8, OTHER)],
            id="link of a root",
        ),
        pytest.param(
            PARENT,
            [Link(trace_id=TRACE, span_id=OTHER, attributes=CHILD), Link(trace_id=OTHER_TRACE, span_id=PARENT)],
            [
                reference("CHILD_OF", OWN, PARENT),
                reference("CHILD_OF", OWN, OTHER),
                reference("FOLLOWS_FROM", "07" * 8, PARENT),
            ],
            id="parent first, then links",
        ),
        pytest.param(
            PARENT,
            [Link(trace_id=TRACE, span_id=OTHER), Link(trace_id=TRACE, span_id=PARENT)],
            [reference("FOLLOWS_FROM", OWN, PARENT), reference("FOLLOWS_FROM", OWN, OTHER)],
            id="a link to the parent changes its type",
        ),
        pytest.param(
            PARENT,
            [Link(trace_id=TRACE, span_id=PARENT, attributes=CHILD)],
            [reference("CHILD_OF", OWN, PARENT)],
            id="a link to the parent that agrees",
        ),
        pytest.param(
            b"",
            [Link(trace_id=TRACE, span_id=OTHER, attributes={"opentracing.ref_type": 1})],
            [reference("FOLLOWS_FROM", OWN, OTHER)],
            id="reference type that is no text",
        ),
        pytest.param(b"", [Link()], [reference("FOLLOWS_FROM", "0" * 16, bytes(8))], id="link without ids"),
    ],
)
def test_parents_and_links_become_references(parent: bytes, links: list[Link], references: list[object]) -> None:
    assert shown_span(parent_span_id=parent, links=links)["references"] == references


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        pytest.param(Event(name="retry"), [text("event", "retry")], id="name"),
        pytest.param(Event(attributes={"a": "b"}), [text("a", "b")], id="no name"),
        pytest.param(Event(name="retry", attributes={"a": "b"}), [text("event", "retry"), text("a", "b")], id="both"),
        pytest.param(
            Event(name="retry", attributes={"event": "x"}), [text("event", "x")], id="an attribute is called event"
        ),
        pytest.param(Event(), [], id="neither"),
    ],
)
def test_events_become_logs(event: Event, fields: list[object]) -> None:
    assert shown_span(events=[event])["logs"] == [{"timestamp": 0, "fields": fields}]


@pytest.mark.parametrize(
    ("attributes", "process"),
    [
        pytest.param({}, {"serviceName": "OTLPResourceNoServiceName", "tags": []}, id="no attributes"),
        pytest.param({"a": "b"}, {"serviceName": "", "tags": [text("a", "b")]}, id="no service name"),
        pytest.param({"service.name": "shop"}, {"serviceName": "shop", "tags": []}, id="service name only"),
        pytest.param(
            {"service.name": 7},
            {"serviceName": "", "tags": [{"key": "service.name", "type": "int64", "value": 7}]},
            id="service name that is no text",
        ),
        pytest.param(
            {"host.name": "h", "service.name": "shop", "n": 1},
            {"serviceName": "shop", "tags": [text("host.name", "h"), {"key": "n", "type": "int64", "value": 1}]},
            id="others become tags",
        ),
    ],
)
def test_resources_become_processes(attributes: Mapping[str, Value], process: object) -> None:
    assert shown(span(resource=Resource(attributes=attributes)))["processes"] == {"p1": process}


def test_processes_are_numbered_as_they_appear_and_shared_when_equal() -> None:
    attributes: list[dict[str, Value]] = [
        {"service.name": "shop", "x": 1},
        {"service.name": "bank"},
        {"x": 1, "service.name": "shop"},
        {"service.name": "shop", "x": 1.0},
        {"service.name": "bank"},
    ]
    trace = shown(*(span(resource=Resource(attributes=each)) for each in attributes))
    assert [each["processID"] for each in trace["spans"]] == ["p1", "p2", "p1", "p3", "p2"]
    assert list(trace["processes"]) == ["p1", "p2", "p3"]


def test_a_negative_duration_is_shown_as_zero_with_a_warning() -> None:
    backwards = shown_span(start_time_unix_nano=5_000, end_time_unix_nano=4_000)
    assert backwards["duration"] == 0
    assert backwards["warnings"] == ["span ends 1000ns before it starts; its duration is shown as 0"]


@pytest.mark.parametrize(
    ("carried", "warnings", "tags"),
    [
        pytest.param(["a", "b"], ["a", "b"], [], id="a slice of texts"),
        pytest.param([], None, [], id="an empty slice"),
        pytest.param("a", None, [text("@jaeger@warnings", "a")], id="a text stays a tag"),
        pytest.param([1], None, [text("@jaeger@warnings", "[1]")], id="another slice stays a tag"),
    ],
)
def test_carried_warnings_are_moved(carried: Value, warnings: object, tags: list[object]) -> None:
    found = shown_span(attributes={"@jaeger@warnings": carried})
    assert (found["warnings"], found["tags"]) == (warnings, tags)


@pytest.mark.parametrize(("flags", "expected"), [(0, None), (1, 1), (0x100, None), (0x301, 1)])
def test_flags_hold_the_sampled_bit_and_are_left_out_when_zero(flags: int, expected: int | None) -> None:
    assert shown_span(flags=flags).get("flags") == expected


def test_spans_that_share_an_id_are_all_shown_in_the_order_given() -> None:
    assert [each["operationName"] for each in shown(span(name="b"), span(name="a"))["spans"]] == ["b", "a"]
