from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.error import DecodeFailedError
from receiver.json_value import MAX_DEPTH
from receiver.otlp_json import decode_traces
from tests.support.span_message import SPAN_ID, TRACE_ID
from tracedata import Batch, Event, Link, Resource, Scope, Span


def _request(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def _span(**members: object) -> dict[str, Any]:
    return {"traceId": TRACE_ID.hex(), "spanId": SPAN_ID.hex(), **members}


def _decoded(**members: object) -> Span:
    (span,) = decode_traces(_request(_span(**members)), 1).spans
    return span


def test_a_span_keeps_everything() -> None:
    span = _span(
        parentSpanId="0909090909090909",
        traceState="a=b",
        flags=257,
        name="GET /",
        kind=2,
        startTimeUnixNano="18446744073709551614",
        endTimeUnixNano=1,
        attributes=[{"key": "k", "value": {"stringValue": "v"}}],
        droppedAttributesCount=1,
        events=[{"timeUnixNano": "5", "name": "e", "droppedAttributesCount": 6}],
        droppedEventsCount=2,
        links=[{"traceId": "01", "spanId": "xx", "traceState": "c=d", "flags": 3}],
        droppedLinksCount=3,
        status={"code": "STATUS_CODE_ERROR", "message": "broken"},
    )
    scope_spans = {"scope": {"name": "library", "version": "1"}, "schemaUrl": "s", "spans": [span]}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    request = {"resourceSpans": [{"resource": resource, "schemaUrl": "r", "scopeSpans": [scope_spans]}]}

    batch = decode_traces(json.dumps(request).encode(), 7)

    expected = Span(
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id=b"\x09" * 8,
        resource=Resource(attributes={"service.name": "shop"}, schema_url="r"),
        scope=Scope(name="library", version="1", schema_url="s"),
        trace_state="a=b",
        flags=257,
        name="GET /",
        kind=2,
        start_time_unix_nano=2**64 - 2,
        end_time_unix_nano=1,
        attributes={"k": "v"},
        dropped_attributes_count=1,
        events=[Event(time_unix_nano=5, name="e", dropped_attributes_count=6)],
        dropped_events_count=2,
        links=[Link(trace_id=b"\1", trace_state="c=d", flags=3)],
        dropped_links_count=3,
        status_code=2,
        status_message="broken",
    )
    assert batch == Batch(workspace_id=7, spans=[expected], rejections={})


@pytest.mark.parametrize("case", [str.lower, str.upper], ids=["lower", "upper"])
def test_ids_are_hexadecimal_of_any_case(case: Any) -> None:  # noqa: ANN401  # A method of str.
    span = {"traceId": case("5b8efff798038103d269b633813fc60c"), "spanId": case("eee19b7ec3c1b174")}

    batch = decode_traces(_request(span), 1)

    assert batch.spans[0].trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert batch.spans[0].span_id.hex() == "eee19b7ec3c1b174"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        pytest.param({"traceId": "zz" * 16}, "invalid_trace_id", id="not hexadecimal"),
        pytest.param({"traceId": "01" * 15 + " 1"}, "invalid_trace_id", id="white space"),
        pytest.param({"traceId": "01 " * 16}, "invalid_trace_id", id="white space between digits"),
        pytest.param({"traceId": "01" * 8}, "invalid_trace_id", id="short"),
        pytest.param({"traceId": "W47/95gDgQPSabYzgT/GDA=="}, "invalid_trace_id", id="base64"),
        pytest.param({"traceId": "00" * 16}, "invalid_trace_id", id="zero trace id"),
        pytest.param({"traceId": None}, "invalid_trace_id", id="null"),
        pytest.param({"spanId": ""}, "invalid_span_id", id="no span id"),
        pytest.param({"spanId": "0" * 15}, "invalid_span_id", id="odd number of digits"),
    ],
)
def test_a_span_without_usable_ids_is_left_out_alone(members: dict[str, object], reason: str) -> None:
    batch = decode_traces(_request(_span(name="one"), _span(**members), _span(name="two")), 1)

    assert [span.name for span in batch.spans] == ["one", "two"]
    assert batch.rejections == {reason: 1}


_INVALID = {"relayscope.repaired": ["invalid_parent_span_id"]}


@pytest.mark.parametrize(
    ("parent", "attributes"),
    [("", {}), ("0" * 16, {}), (None, {}), ("01", _INVALID), ("parent", _INVALID), ("1" * 18, _INVALID)],
    ids=["none", "zero", "null", "short", "text", "long"],
)
def test_a_parent_that_can_point_nowhere_makes_a_root(parent: str | None, attributes: dict[str, list[str]]) -> None:
    span = _decoded(parentSpanId=parent)

    assert (span.parent_span_id, span.attributes) == (b"", attributes)


def test_marks_of_decoding_are_joined() -> None:
    data = _request(_span(name="BAD", parentSpanId="01")).replace(b"BAD", b"\xff")

    (span,) = decode_traces(data, 1).spans

    assert span.attributes == {"relayscope.repaired": ["invalid_parent_span_id", "invalid_utf8"]}


@pytest.mark.parametrize(
    ("sent", "kind"),
    [(3, 3), ("SPAN_KIND_CLIENT", 3), ("3", 3), (77, 77), (None, 0), ("SPAN_KIND_UNSPECIFIED", 0)],
)
def test_enums_are_numbers_or_names(sent: object, kind: int) -> None:
    assert _decoded(kind=sent).kind == kind


@pytest.mark.parametrize(("sent", "code"), [(2, 2), ("STATUS_CODE_OK", 1), ("1", 1), (None, 0)])
def test_status_codes_are_numbers_or_names(sent: object, code: int) -> None:
    assert _decoded(status={"code": sent}).status_code == code


def test_null_means_the_default_in_every_member() -> None:
    members = [
        "parentSpanId",
        "traceState",
        "flags",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "droppedAttributesCount",
        "events",
        "droppedEventsCount",
        "links",
        "droppedLinksCount",
        "status",
    ]

    assert _decoded(**dict.fromkeys(members)) == _decoded()


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"resourceSpans": null}',
        '{"resourceSpans": []}',
        '{"resourceSpans": [{"resource": null, "scopeSpans": null}]}',
        '{"resourceSpans": [{"scopeSpans": [{"scope": null, "spans": null}]}], "unknown": {"x": [1]}}',
    ],
)
def test_a_request_can_be_empty(text: str) -> None:
    assert decode_traces(text.encode(), 1) == Batch(workspace_id=1, spans=[])


def test_unknown_members_are_ignored() -> None:
    assert _decoded(name="x", futureMember={"deep": [{"er": 1}]}).name == "x"


@pytest.mark.parametrize(
    ("members", "path"),
    [
        pytest.param({"name": 5}, "$.resourceSpans[0].scopeSpans[0].spans[0].name", id="number for text"),
        pytest.param({"startTimeUnixNano": "secret"}, "startTimeUnixNano", id="text for a number"),
        pytest.param({"kind": "SECRET"}, "spans[0].kind", id="unknown name"),
        pytest.param({"kind": True}, "spans[0].kind", id="truth for an enum"),
        pytest.param({"status": {"code": []}}, "spans[0].status.code", id="array for an enum"),
        pytest.param({"attributes": {}}, "spans[0].attributes", id="map for an array"),
        pytest.param({"events": [None]}, "spans[0].events[0]", id="null in an array"),
        pytest.param(
            {"attributes": [{"key": "k", "value": {"bytesValue": "secret!"}}]},
            "spans[0].attributes[0].value.bytesValue",
            id="not base64",
        ),
        pytest.param(
            {"attributes": [{"key": "k", "value": {"bytesValue": 7}}]},
            "spans[0].attributes[0].value.bytesValue",
            id="number for base64",
        ),
    ],
)
def test_a_wrong_type_refuses_the_request_and_names_the_place(members: dict[str, object], path: str) -> None:
    with pytest.raises(DecodeFailedError) as caught:
        decode_traces(_request(_span(**members)), 1)

    assert path in str(caught.value)
    assert "secret" not in str(caught.value).lower()


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"null",
        b"\x0a\x00",
        b'{"resourceSpans": NaN}',
        b'{"resourceSpans": "\xff"}',
    ],
    ids=["cut off", "array", "null", "protobuf", "NaN", "bytes"],
)
def test_what_is_not_a_request_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeFailedError, match="not OTLP/JSON"):
        decode_traces(data, 1)


def _nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {"intValue": 1}
    for level in range(levels - 1):
        value = (
            {"arrayValue": {"values": [value]}}
            if level % 2
            else {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
        )
    return value


def test_nesting_is_taken_to_the_limit() -> None:
    value: Any = _decoded(attributes=[{"key": "k", "value": _nested(MAX_DEPTH)}]).attributes["k"]

    depth = 1
    while value != 1:
        value = value["k"] if isinstance(value, dict) else value[0]
        depth += 1
    assert depth == MAX_DEPTH


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 200, 2_000], ids=str)
def test_deeper_nesting_is_cut_below_the_level_that_tells_of_it(levels: int) -> None:
    deep = json.dumps(_nested(9)).replace('{"intValue": 1}', "DEEP")
    deep = deep.replace("DEEP", '{"arrayValue":{"values":[' * levels + "{}" + "]}}" * levels)
    text = _request(_span(attributes=[{"key": "k", "value": "DEEP"}]), _span(name="next")).decode()

    one, two = decode_traces(text.replace('"DEEP"', deep).encode(), 1).spans

    value: Any = one.attributes["k"]
    depth = 1
    while value is not None:
        value = value["k"] if isinstance(value, dict) else value[0]
        depth += 1
    assert depth == MAX_DEPTH + 1
    assert two.name == "next"


@pytest.mark.parametrize(
    "member",
    [
        '"name":5',
        '"kind":"SECRET"',
        '"startTimeUnixNano":' + "9" * 5_000,
        '"attributes":[{"key":"k","value":{"doubleValue":1e200000}}]',
        '"attributes":[{"key":"k","value":{"intValue":"%s"}}]' % ("9" * 5_000),
        '"attributes":[{"key":"k","value":{"doubleValue":"%s"}}]' % ("9" * 401),
        '"attributes":[{"key":"k","value":{"bytesValue":"!!"}}]',
        '"attributes":[{"key":"k","value":{"boolValue":"yes"}}]',
        '"kind":1.0',
    ],
    ids=["type", "enum", "time", "double", "integer", "long double", "bytes", "truth", "fraction"],
)
@pytest.mark.parametrize("around", ["{}", "null", None], ids=["with a resource", "with null", "alone"])
def test_a_malformed_span_is_left_out_alone(member: str, around: str | None) -> None:
    text = _request(_span(name="one"), _span(name="BAD"), _span(name="two")).decode()
    if around is not None:
        text = text.replace('"scopeSpans"', f'"resource":{around},"scopeSpans"')
        text = text.replace('"spans"', f'"scope":{around},"spans"')

    batch = decode_traces(text.replace('"name": "BAD"', member).encode(), 1)

    assert [span.name for span in batch.spans] == ["one", "two"]
    assert batch.rejections == {"malformed_span": 1}


@pytest.mark.parametrize(("sent", "value"), [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")])
def test_numbers_that_json_does_not_have_are_read(sent: str, value: str) -> None:
    attributes = [{"key": "NaN", "value": {"doubleValue": "BAD"}}]
    text = _request(_span(name='a "NaN" Infinity', attributes=attributes)).decode()

    (span,) = decode_traces(text.replace('"BAD"', sent).encode(), 1).spans

    assert span.name == 'a "NaN" Infinity'
    assert {key: repr(double) for key, double in span.attributes.items()} == {"NaN": value}


@pytest.mark.parametrize("path", ['{"x":', '{"resourceSpans":'], ids=["ignored member", "known member"])
@pytest.mark.parametrize("bracket", ["[", '{"a":'], ids=["arrays", "maps"])
def test_a_tower_of_brackets_is_refused(path: str, bracket: str) -> None:
    with pytest.raises(DecodeFailedError):
        decode_traces((path + bracket * 200_000).encode(), 1)
