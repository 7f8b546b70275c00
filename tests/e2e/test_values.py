"""Stored equals sent, for every value that OTLP has, over every transport, read through both APIs."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.support.canonical import canonical, same_spans
from tests.support.exporter import TRANSPORTS, Exporter, Transport
from tests.support.factory import BASE_US, MAX_INT64, MIN_INT64, full_span
from tests.support.rest_answer import spans_of_trace
from tests.support.system import System
from tracedata import Event, Link, Resource, Scope, Span, Value

_BYTES = bytes(range(256))
_NESTED: dict[str, Value] = {
    "list": [1, 1.0, "1", True, None, b"\x00\xff", [], {}, [[["deep"]]]],
    "map": {"a": {"b": {"c": [None, {"": -0.0}]}}, "$bytes": "no tag", "$double": "NaN"},
}
_NESTED_TEXT = (
    '{"list":[1,1,"1",true,null,"AP8=",[],{},[[["deep"]]]],'
    '"map":{"$bytes":"no tag","$double":"NaN","a":{"b":{"c":[null,{"":-0}]}}}}'
)
# Key, what is sent, and the type and value of Jaeger's tag (shared facts: OTLP to Jaeger's older model).
_VALUES: tuple[tuple[str, Value, str, object], ...] = (
    ("text", "plain", "string", "plain"),
    ("text.empty", "", "string", ""),
    ("text.awkward", "é\U0001f600\"\\\t\n\u2028'%s\\N", "string", "é\U0001f600\"\\\t\n\u2028'%s\\N"),
    ("bool.true", True, "bool", True),
    ("bool.false", False, "bool", False),
    ("int.one", 1, "int64", 1),
    ("int.zero", 0, "int64", 0),
    ("int.safe", 2**53 - 1, "int64", 2**53 - 1),
    ("int.unsafe", 2**53, "int64", str(2**53)),
    ("int.max", MAX_INT64, "int64", str(MAX_INT64)),
    ("int.min", MIN_INT64, "int64", str(MIN_INT64)),
    ("double.one", 1.0, "float64", 1.0),
    ("double.third", 1 / 3, "float64", 1 / 3),
    ("double.huge", 1e300, "float64", 1e300),
    ("double.max", 1.7976931348623157e308, "float64", 1.7976931348623157e308),
    ("double.tiny", 5e-324, "float64", 5e-324),
    ("double.whole", 1e15, "float64", 1e15),
    ("double.negative_zero", -0.0, "float64", -0.0),
    ("double.nan", math.nan, "float64", "NaN"),
    ("double.inf", math.inf, "float64", "+Inf"),
    ("double.negative_inf", -math.inf, "float64", "-Inf"),
    ("bytes", _BYTES, "binary", base64.b64encode(_BYTES).decode()),
    ("bytes.empty", b"", "binary", ""),
    ("empty", None, "string", ""),
    ("array.empty", [], "string", "[]"),
    ("array.mixed", [1, 2.5, "x", None, True], "string", '[1,2.5,"x",null,true]'),
    ("map.empty", {}, "string", "{}"),
    ("map.flat", {"b": 1, "a": "x"}, "string", '{"a":"x","b":1}'),
    ("map.tag", {"$bytes": "AAAA"}, "string", '{"$bytes":"AAAA"}'),
    (
        "nested",
        _NESTED,
        "string",
        _NESTED_TEXT,
    ),
    ("", "a key of no characters", "string", "a key of no characters"),
)
_SENT = {key: value for key, value, _, _ in _VALUES}
_TAGS = {key: (kind, canonical(value)) for key, _, kind, value in _VALUES}


@pytest.mark.parametrize("transport", TRANSPORTS, ids=lambda transport: transport.label)
def test_stored_equals_sent(system: System, transport: Transport) -> None:
    sent = _span_of_every_value()

    with Exporter(system.ready, transport) as exporter:
        response = exporter.export([sent])

    assert not response.HasField("partial_success")
    found = spans_of_trace(system.get(f"/api/v1/traces/{sent.trace_id.hex()}"))
    assert [canonical(span) for span in found] == [canonical(sent)]
    _check_jaeger(system, sent)


def _span_of_every_value() -> Span:
    return full_span(
        attributes=_SENT,
        resource=Resource(attributes={"service.name": "values", **_SENT}, schema_url="https://example.com/r"),
        scope=Scope(name="library", version="1", attributes=_SENT, dropped_attributes_count=2),
        events=[Event(time_unix_nano=BASE_US * 1_000 + 999, name="happened", attributes=_SENT)],
        links=[Link(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="x=y", attributes=_SENT, flags=0x101)],
        redactions={},
        redacted_keys={},
        redaction_policy="",
    )


def _check_jaeger(system: System, sent: Span) -> None:
    (trace,) = system.jaeger(f"/api/traces/{sent.trace_id.hex()}", raw="true")
    (span,) = trace["spans"]
    assert (span["traceID"], span["spanID"]) == (sent.trace_id.hex(), sent.span_id.hex())
    assert (span["operationName"], span["flags"], span["warnings"]) == (sent.name, 1, None)
    assert span["startTime"] == sent.start_time_unix_nano // 1_000
    assert span["duration"] == sent.duration_ns // 1_000
    assert _tags(span["tags"]) == {**_TAGS, **_FIELD_TAGS}
    process = trace["processes"][span["processID"]]
    assert process["serviceName"] == "values"
    assert _tags(process["tags"]) == _TAGS
    (log,) = span["logs"]
    assert log["timestamp"] == BASE_US
    assert _tags(log["fields"]) == {"event": ("string", canonical("happened")), **_TAGS}
    assert span["references"] == [
        {"refType": "CHILD_OF", "traceID": sent.trace_id.hex(), "spanID": sent.parent_span_id.hex()},
        {"refType": "FOLLOWS_FROM", "traceID": "01" * 16, "spanID": "02" * 8},
    ]


# What Jaeger's model has no field for.
_FIELD_TAGS = {
    "otel.scope.name": ("string", canonical("library")),
    "otel.scope.version": ("string", canonical("1")),
    "span.kind": ("string", canonical("server")),
    "otel.status_code": ("string", canonical("ERROR")),
    "error": ("bool", canonical(value=True)),
    "otel.status_description": ("string", canonical("card refused")),
    "w3c.tracestate": ("string", canonical("vendor=1,other=2")),
}


def _tags(nodes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, object]]:
    found = {}
    for node in nodes:
        value = node["value"]
        # In JSON, 1 and 1.0 are one number; the tag's type says which of both it is.
        is_double = node["type"] == "float64" and not isinstance(value, str)
        found[node["key"]] = (node["type"], canonical(float(value) if is_double else value))
    assert len(found) == len(list(nodes))
    return found


@pytest.mark.parametrize(
    ("start_ns", "end_ns"),
    [
        pytest.param(BASE_US * 1_000 + 1, BASE_US * 1_000 + 2, id="one-nanosecond"),
        pytest.param(BASE_US * 1_000 + 999, BASE_US * 1_000 + 999, id="no-time-at-all"),
        pytest.param(BASE_US * 1_000 + 999, BASE_US * 1_000 + 1, id="backwards"),
        pytest.param(0, 0, id="epoch"),
        pytest.param(0, BASE_US * 1_000, id="no-start"),
        pytest.param(2**64 - 1, 2**64 - 1, id="end-of-time"),
    ],
)
def test_times_come_back_to_the_nanosecond(system: System, start_ns: int, end_ns: int) -> None:
    sent = [
        full_span(
            start_time_unix_nano=start_ns,
            end_time_unix_nano=end_ns,
            redactions={},
            redacted_keys={},
            redaction_policy="",
        )
        for _ in TRANSPORTS
    ]

    for span, transport in zip(sent, TRANSPORTS, strict=True):
        with Exporter(system.ready, transport) as exporter:
            exporter.export([span])

    for span in sent:
        assert same_spans(spans_of_trace(system.get(f"/api/v1/traces/{span.trace_id.hex()}")), [span])
