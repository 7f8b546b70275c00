from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from processors.limit import TRUNCATED_KEY, Limit, LimitConfig
from tests.support.canonical import canonical
from tests.support.factory import batch, full_event, full_link, full_span, resource, span
from tracedata import Attributes, Event, Link, Resource, Scope, Span, Value

_LIMIT = Limit(LimitConfig(max_attributes=4, max_value_chars=1000, max_events=3, max_links=2, max_span_chars=3000))


def _limited(sent: Span) -> Span:
    (kept,) = _LIMIT.process(batch(sent)).spans
    return kept


def _many(count: int) -> Attributes:
    return {f"key{number}": number for number in range(count)}


def test_what_fits_is_passed_on_as_it_is() -> None:
    sent = batch(full_span(), span(attributes=_many(4)), span(attributes={"a": "x" * 1000}))

    assert _LIMIT.process(sent) is sent


def test_spans_beside_one_that_is_cut_are_shared() -> None:
    sound = span()

    before, cut, after = _LIMIT.process(batch(sound, span(name="x" * 1001), sound)).spans

    assert before is sound
    assert after is sound
    assert len(cut.name) == 1000


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        pytest.param("x" * 1001, "x" * 1000, id="text"),
        pytest.param(b"x" * 1001, b"x" * 1000, id="bytes"),
        pytest.param(["x" * 600] * 2, ["x" * 600, "x" * (1000 - 8 - 600 - 8)], id="array"),
        pytest.param([1] * 1000, [1] * 62, id="array-of-numbers"),
        pytest.param({"a": "x" * 2000}, {"a": "x" * (1000 - 9)}, id="map"),
        pytest.param({"a": ["x" * 980, "y" * 99], "b": 1}, {"a": ["x" * 980]}, id="nested"),
    ],
)
def test_long_values_keep_their_beginning(value: Value, kept: Value) -> None:
    limited = _limited(span(attributes={"long": value, "short": 1}))

    assert limited.attributes == {"long": kept, "short": 1, TRUNCATED_KEY: ["value_length"]}
    assert limited.dropped_attributes_count == 0


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        pytest.param(
            {"attributes": _many(6), "dropped_attributes_count": 1},
            {"attributes": {**_many(4), TRUNCATED_KEY: ["attribute_count"]}, "dropped_attributes_count": 3},
            id="attributes",
        ),
        pytest.param(
            {"events": [full_event()] * 5, "dropped_events_count": 1, "attributes": {}},
            {"events": [full_event()] * 3, "dropped_events_count": 3, "attributes": {TRUNCATED_KEY: ["event_count"]}},
            id="events",
        ),
        pytest.param(
            {"links": [full_link()] * 5, "attributes": {}},
            {"links": [full_link()] * 2, "dropped_links_count": 3, "attributes": {TRUNCATED_KEY: ["link_count"]}},
            id="links",
        ),
        pytest.param(
            {"events": [Event(attributes=_many(6))], "attributes": {}},
            {
                "events": [Event(attributes=_many(4), dropped_attributes_count=2)],
                "attributes": {TRUNCATED_KEY: ["attribute_count"]},
            },
            id="attributes-of-an-event",
        ),
        pytest.param(
            {"links": [Link(attributes=_many(6))], "attributes": {}},
            {
                "links": [Link(attributes=_many(4), dropped_attributes_count=2)],
                "attributes": {TRUNCATED_KEY: ["attribute_count"]},
            },
            id="attributes-of-a-link",
        ),
    ],
)
def test_what_is_too_many_is_counted_as_dropped(fields: Mapping[str, object], kept: Mapping[str, object]) -> None:
    sent = replace(span(), **fields)

    assert canonical(_limited(sent)) == canonical(replace(sent, **kept))


@pytest.mark.parametrize("field", ["name", "status_message", "trace_state"])
def test_texts_of_the_span_are_cut(field: str) -> None:
    limited = _limited(replace(span(), **{field: "x" * 2000}))

    assert getattr(limited, field) == "x" * 1000
    assert limited.attributes == {TRUNCATED_KEY: ["value_length"]}


def test_a_span_that_is_too_large_loses_the_ends_of_its_longest_values() -> None:
    limited = _limited(span(attributes={name: name * 1000 for name in "abcd"}))

    assert limited.attributes == {**{name: name * 500 for name in "abcd"}, TRUNCATED_KEY: ["span_size", "value_length"]}


def test_a_span_that_is_too_large_by_its_events_loses_them() -> None:
    event = Event(name="e", attributes={name: name * 900 for name in "abcd"})

    limited = _limited(span(events=[event] * 3, links=[full_link()], dropped_links_count=1))

    assert (limited.events, limited.dropped_events_count) == ((), 3)
    assert (limited.links, limited.dropped_links_count) == ((), 2)
    assert limited.attributes == {TRUNCATED_KEY: ["span_size", "value_length"]}


def test_resources_and_scopes_are_cut_and_marked_themselves() -> None:
    large = Resource(attributes={"service.name": "checkout", **_many(6)})
    scope = Scope(name="x" * 1001)

    one, two, other = _LIMIT.process(
        batch(span(resource=large, scope=scope), span(resource=large, scope=scope), span(resource=resource("cart")))
    ).spans

    assert one.resource is two.resource
    assert one.resource.attributes == {"service.name": "checkout", **_many(3), TRUNCATED_KEY: ["attribute_count"]}
    assert one.resource.dropped_attributes_count == 3
    assert one.scope == Scope(name="x" * 1000, attributes={TRUNCATED_KEY: ["value_length"]})
    assert one.attributes == {}
    assert other.resource == resource("cart")
