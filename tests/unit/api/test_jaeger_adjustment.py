"""What Jaeger's query service does to a trace before it shows it, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from query.duration import format_duration
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.jaeger.warning import warnings_of
from tests.support.canonical import canonical, same_spans
from tests.support.large_trace import LARGE_TRACE_SPANS, large_trace
from tracedata import Attributes, Event, Link, Resource, Scope, Span, SpanKind, Value

_TRACE = bytes(range(16))
_MS = 1_000_000
_START = 1_700_000_000_000 * _MS
_MISSING = "parent span ID=0900000000000000 is not in the trace; skipping clock skew adjustment"
_TWICE = "duplicate span IDs; skipping clock skew adjustment"


def _id(number: int) -> bytes:
    return number.to_bytes(1, "big") + bytes(7)


def _span(
    number: int, *, parent: int = 0, at_ms: float = 0, lasting_ms: float = 10, host: str = "", **fields: object
) -> Span:
    start = _START + int(at_ms * _MS)
    made = Span(
        trace_id=_TRACE,
        span_id=_id(number),
        parent_span_id=_id(parent) if parent else b"",
        resource=Resource(attributes={"service.name": "shop", **({"host.name": host} if host else {})}),
        scope=Scope(),
        name=f"span {number}",
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(lasting_ms * _MS),
    )
    return replace(made, **fields)


def _warnings(spans: Sequence[Span]) -> list[list[str]]:
    return [list(warnings_of(one)) for one in spans]


def test_a_sound_trace_stays_as_it_is() -> None:
    spans = [_span(1), _span(2, parent=1, at_ms=1, lasting_ms=2)]
    assert canonical(adjust_trace(spans)) == canonical(spans)


def test_a_server_span_gets_an_id_of_its_own_below_the_client_span() -> None:
    client = _span(5, parent=1, kind=SpanKind.CLIENT)
    server = _span(5, parent=1, kind=SpanKind.SERVER, at_ms=1, lasting_ms=5)
    child = _span(6, parent=5, at_ms=2, lasting_ms=1)
    found = adjust_trace([_span(1), client, server, child])
    own = b"\0" * 7 + b"\1"
    assert [(one.span_id, one.parent_span_id) for one in found] == [
        (_id(1), b""),
        (_id(5), _id(1)),
        (own, _id(5)),
        (_id(6), own),
    ]
    assert _warnings(found) == [[], [], [], []]


def test_the_id_of_its_own_is_one_that_nobody_has() -> None:
    taken = b"\0" * 7 + b"\1"
    client, server = _span(5, kind=SpanKind.CLIENT), _span(5, kind=SpanKind.SERVER)
    found = adjust_trace([replace(_span(1), span_id=taken), client, server])
    assert found[2].span_id == b"\0" * 7 + b"\2"


@pytest.mark.parametrize(
    "kinds",
    [(SpanKind.SERVER, SpanKind.SERVER), (SpanKind.CLIENT, SpanKind.CLIENT), (SpanKind.INTERNAL, SpanKind.SERVER)],
    ids=["servers", "clients", "none is a client"],
)
def test_others_that_share_an_id_keep_it_and_are_told_so(kinds: tuple[int, int]) -> None:
    found = adjust_trace([_span(5, kind=kinds[0]), _span(5, kind=kinds[1], name="other")])
    assert [one.span_id for one in found] == [_id(5), _id(5)]
    assert _warnings(found) == [[], [_TWICE]]


def test_attributes_are_sorted_by_key_and_events_by_name() -> None:
    attributes: Attributes = {"b": 1, "a": 2}
    events = [Event(name="z", time_unix_nano=1), Event(name="a", time_unix_nano=2, attributes=attributes), Event()]
    one = _span(
        1,
        attributes=attributes,
        events=events,
        links=[Link(trace_id=_TRACE, attributes=attributes)],
        resource=Resource(attributes={"service.name": "s", "host.cpus": 4}),
    )
    (found,) = adjust_trace([one])
    assert list(found.attributes) == ["a", "b"]
    assert [event.name for event in found.events] == ["", "a", "z"]
    assert list(found.events[1].attributes) == list(found.links[0].attributes) == ["a", "b"]
    assert list(found.resource.attributes) == ["host.cpus", "service.name"]


def test_of_equal_spans_one_is_left_and_values_of_other_types_are_not_equal() -> None:
    one = _span(1, attributes={"n": 1})
    found = adjust_trace([one, replace(one, attributes={"n": 1}), replace(one, attributes={"n": 1.0})])
    assert [repr(each.attributes["n"]) for each in found] == ["1", "1.0"]


@pytest.mark.parametrize(
    ("child", "moved_ms"),
    [
        pytest.param(_span(2, parent=1, at_ms=1, lasting_ms=2, host="b"), 0, id="within its parent"),
        pytest.param(_span(2, parent=1, at_ms=-50, lasting_ms=4, host="b"), 53, id="before, to the middle"),
        pytest.param(_span(2, parent=1, at_ms=50, lasting_ms=4, host="b"), -47, id="after, to the middle"),
        pytest.param(_span(2, parent=1, at_ms=-5, lasting_ms=20, host="b"), 5, id="longer and before, to the start"),
        pytest.param(_span(2, parent=1, at_ms=5, lasting_ms=20, host="b"), 0, id="longer and not before"),
        pytest.param(_span(2, parent=1, at_ms=-50, lasting_ms=4, host="a"), 0, id="the same host"),
    ],
)
def test_spans_of_other_hosts_are_moved_into_their_parents(child: Span, moved_ms: int) -> None:
    child = replace(child, events=[Event(name="e", time_unix_nano=child.start_time_unix_nano + 1)])
    _, found = adjust_trace([_span(1, host="a"), child], max_clock_skew_ns=1_000 * _MS)
    moved = moved_ms * _MS
    assert found.start_time_unix_nano == child.start_time_unix_nano + moved
    assert found.end_time_unix_nano == child.end_time_unix_nano + moved
    assert found.events[0].time_unix_nano == child.start_time_unix_nano + 1 + moved
    told = f"This span's timestamps were adjusted by {format_duration(moved)}"
    assert list(warnings_of(found)) == ([told] if moved else [])


def test_descendants_on_the_same_host_move_along() -> None:
    spans = [
        _span(1, host="a"),
        _span(2, parent=1, at_ms=-50, lasting_ms=4, host="b"),
        _span(3, parent=2, at_ms=-49, lasting_ms=1, host="b"),
    ]
    found = adjust_trace(spans, max_clock_skew_ns=100 * _MS)
    assert [one.start_time_unix_nano - _START for one in found] == [0, 3 * _MS, 4 * _MS]


@pytest.mark.parametrize(
    ("max_ms", "warning"),
    [
        pytest.param(0, "clock skew adjustment disabled; not applying calculated delta of 53ms", id="disabled"),
        pytest.param(
            50, "max clock skew adjustment delta of 50ms exceeded; not applying calculated delta of 53ms", id="too far"
        ),
    ],
)
def test_spans_that_are_not_moved_are_told_by_how_much_they_are_off(max_ms: int, warning: str) -> None:
    child = _span(2, parent=1, at_ms=-50, lasting_ms=4, host="b")
    found = adjust_trace([_span(1, host="a"), child], max_clock_skew_ns=max_ms * _MS)
    assert [one.start_time_unix_nano for one in found] == [_START, child.start_time_unix_nano]
    assert _warnings(found) == [[], [warning]]


@pytest.mark.parametrize(
    ("attributes", "same"),
    [
        pytest.param({"host.id": "a", "host.name": "x"}, True, id="the id comes first"),
        pytest.param({"host.ip": "a", "host.name": "x"}, True, id="then the address"),
        pytest.param({"host.ip": ["a", "b"]}, True, id="the first of several addresses"),
        pytest.param({"host.name": "a"}, True, id="then the name"),
        pytest.param({"host.id": 4, "host.name": "a"}, False, id="an id that is no text is none"),
        pytest.param({}, False, id="an unknown host is never the same"),
    ],
)
def test_what_tells_hosts_apart(attributes: Attributes, *, same: bool) -> None:
    child = _span(2, parent=1, at_ms=-50, lasting_ms=4, resource=Resource(attributes=attributes))
    found = adjust_trace([_span(1, host="a"), child])
    assert (_warnings(found)[1] == []) is same


def test_a_missing_parent_is_told_and_its_child_is_a_root() -> None:
    spans = [_span(1, parent=9), _span(2, parent=1, at_ms=50)]
    assert _warnings(adjust_trace(spans)) == [
        [_MISSING],
        ["clock skew adjustment disabled; not applying calculated delta of -50ms"],
    ]


def test_spans_that_are_each_others_parents_are_left_alone() -> None:
    spans = [_span(1, parent=2), _span(2, parent=1, at_ms=50), _span(3, parent=3)]
    assert canonical(adjust_trace(spans)) == canonical(spans)


def test_a_chain_may_be_as_long_as_a_trace() -> None:
    spans = [
        replace(
            _span(1, lasting_ms=100),
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=number.to_bytes(8, "big"),
        )
        for number in range(5_000)
    ]
    assert len(adjust_trace(spans)) == 5_000


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0x01020304, "1.2.3.4"),
        (-1, "255.255.255.255"),
        (16909060.0, "1.2.3.4"),
        ("10.0.0.1", "10.0.0.1"),
        (True, True),
        (float("inf"), float("inf")),
    ],
)
def test_addresses_that_are_numbers_become_texts(value: Value, shown: Value) -> None:
    held = Resource(attributes={"ip": value})
    (found,) = adjust_trace([_span(1, attributes={"peer.ipv4": value, "other": 1}, resource=held)])
    assert found.attributes == {"peer.ipv4": shown, "other": 1}
    assert found.resource.attributes == {"ip": shown}


def test_what_tells_of_a_library_goes_to_the_resource() -> None:
    shared = Resource(attributes={"service.name": "s", "telemetry.sdk.name": "otel"})
    first = _span(1, resource=shared, attributes={"telemetry.sdk.version": "1", "a": 1})
    second = _span(
        2, parent=1, resource=shared, attributes={"telemetry.sdk.version": "1", "telemetry.sdk.name": "zipkin"}
    )
    found = adjust_trace([first, second])
    assert [dict(one.attributes) for one in found] == [
        {"a": 1},
        {
            "telemetry.sdk.name": "zipkin",
            "@jaeger@warnings": ["conflicting values between Span and Resource for attribute telemetry.sdk.name"],
        },
    ]
    together = {"service.name": "s", "telemetry.sdk.name": "otel", "telemetry.sdk.version": "1"}
    assert [one.resource.attributes for one in found] == [together, together]
    assert shared.attributes == {"service.name": "s", "telemetry.sdk.name": "otel"}


def test_links_without_a_trace_are_left_out_with_a_warning_each() -> None:
    kept = Link(trace_id=_TRACE, span_id=_id(1))
    (found,) = adjust_trace([_span(1, links=[Link(), kept, Link(trace_id=bytes(16))])])
    assert list(found.links) == [kept]
    assert _warnings([found]) == [["Invalid span link removed", "Invalid span link removed"]]


def test_warnings_are_added_to_those_that_a_span_brings() -> None:
    (found,) = adjust_trace([_span(1, attributes={"@jaeger@warnings": ["from before"]}, links=[Link()])])
    assert _warnings([found]) == [["from before", "Invalid span link removed"]]


def test_a_large_trace_keeps_all_of_its_spans() -> None:
    sent = large_trace()
    found = adjust_trace(sent)
    assert len(found) == LARGE_TRACE_SPANS
    assert len({one.span_id for one in found}) == LARGE_TRACE_SPANS
    assert same_spans(sent, large_trace())


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (-250_000, "-250µs"),
        (53_000_000, "53ms"),
        (1_000_000_001, "1.000000001s"),
        (61_000_000_000, "1m1s"),
        (3_600_000_000_000, "1h0m0s"),
        (-3_723_500_000_000, "-1h2m3.5s"),
    ],
)
def test_durations_are_written_as_go_does(duration_ns: int, text: str) -> None:
    assert format_duration(duration_ns) == text
