"""Which spans an attribute predicate holds on: the five places, printed forms, special keys."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import pytest

from storage.api import Tag
from tests.support.factory import MAX_INT64, SpanFields, merged, resource, search, span
from tests.support.store import Store
from tracedata import Attributes, Event, Link, Scope, SpanKind, StatusCode, Value


class Place(NamedTuple):
    """Where attributes sit on a span."""

    name: str

    def holding(self, held: Attributes) -> SpanFields:
        """Returns span fields with the attributes in this place."""
        places: dict[str, SpanFields] = {
            "span": {"attributes": held},
            "scope": {"scope": Scope(name="s", attributes=held)},
            "resource": {"resource": resource(attributes=held)},
            "event": {"events": [Event(), Event(attributes=held)]},
            "link": {"links": [Link(), Link(attributes=held)]},
        }
        return places[self.name]


PLACES = [Place(name) for name in ("span", "scope", "resource", "event", "link")]
PLACE_PAIRS = list(combinations(PLACES, 2))


@pytest.mark.parametrize("place", PLACES, ids=[place.name for place in PLACES])
async def test_a_tag_is_looked_for_in_every_place(store: Store, place: Place) -> None:
    hit = span(**place.holding({"k": 200, "other": "x"}))
    await store.put(hit, span(**place.holding({"k": 201})), span(**place.holding({"K": 200, "k.k": 200})))
    assert await store.found(search(tags=[Tag(key="k", value="200")])) == [hit.trace_id]


@pytest.mark.parametrize(
    ("left", "right"), PLACE_PAIRS, ids=[f"{left.name} and {right.name}" for left, right in PLACE_PAIRS]
)
async def test_two_tags_may_sit_in_two_places_of_a_span(store: Store, left: Place, right: Place) -> None:
    hit = span(**merged(left.holding({"a": 1}), right.holding({"b": 2})))
    await store.put(hit, span(**left.holding({"a": 1})), span(**right.holding({"b": 2})))
    assert await store.found(search(tags=[Tag(key="a", value="1"), Tag(key="b", value="2")])) == [hit.trace_id]


async def test_two_tags_may_sit_on_two_events(store: Store) -> None:
    hit = span(events=[Event(attributes={"a": 1}), Event(attributes={"b": 2})])
    await store.put(hit, span(events=[Event(attributes={"a": 1})]))
    assert await store.found(search(tags=[Tag(key="a", value="1"), Tag(key="b", value="2")])) == [hit.trace_id]


async def test_one_key_with_two_values_needs_both(store: Store) -> None:
    hit = span(attributes={"k": 1}, events=[Event(attributes={"k": 2})])
    await store.put(hit, span(attributes={"k": 1}), span(attributes={"k": 2}))
    assert await store.found(search(tags=[Tag(key="k", value="1"), Tag(key="k", value="2")])) == [hit.trace_id]


class Reading(NamedTuple):
    """A text in a search, the values that it stands for, and values it must not be taken for."""

    stands_for: list[Value]
    not_for: list[Value]


READINGS: dict[str, Reading] = {
    "200": Reading(["200", 200, 200.0], ["0200", "200 ", "200.0", 2_000, 200.5, [200]]),
    "1": Reading(["1", 1, 1.0], [True, "true", [1], {"1": 1}]),
    "1.0": Reading(["1.0"], [1, 1.0, "1"]),
    "0": Reading(["0", 0, 0.0], [-0.0, False, None, ""]),
    "-0": Reading(["-0", -0.0], [0, 0.0]),
    "72.5": Reading(["72.5", 72.5], ["72.50", 72, 73]),
    "-7": Reading(["-7", -7, -7.0], [7]),
    "1e+21": Reading(["1e+21", 1e21], [1e22, "1e21"]),
    "1e21": Reading(["1e21"], [1e21]),
    "1e-7": Reading(["1e-7", 1e-7], [1e-6]),
    "5e-324": Reading(["5e-324", 5e-324], [0.0]),
    "1e+300": Reading(["1e+300", 1e300], [1e299]),
    "9223372036854775807": Reading([MAX_INT64], [MAX_INT64 - 1, 2.0**63]),
    "9223372036854776000": Reading([2.0**63], [MAX_INT64]),
    "9007199254740993": Reading([2**53 + 1], [2.0**53]),
    "NaN": Reading(["NaN", float("nan")], ["nan", None]),
    "+Inf": Reading(["+Inf", float("inf")], [float("-inf"), "Infinity"]),
    "-Inf": Reading(["-Inf", float("-inf")], [float("inf")]),
    "true": Reading(["true", True], ["True", False, 1]),
    "false": Reading(["false", False], [True, 0, ""]),
    "": Reading(["", None, b""], ["null", 0, False, [], {}, " "]),
    "null": Reading(["null"], [None, ""]),
    "AQID": Reading(["AQID", b"\x01\x02\x03"], [b"\x01\x02", b"AQID"]),
    "AQ==": Reading(["AQ==", b"\x01"], ["AQ", b"\x02", {"$bytes": "AQ=="}]),
    '["a","b"]': Reading([["a", "b"], '["a","b"]'], [["b", "a"], ["a", "b", "c"], ["a"], ["a", "b", "b"], "a"]),
    ' [ "a" , "b" ]': Reading([["a", "b"]], ['["a","b"]']),
    '"[1]"': Reading(['"[1]"'], [[1], "[1]"]),
    "a": Reading(["a"], [["a"], {"a": ""}]),
    '"a"': Reading(['"a"'], ["a"]),
    "[1]": Reading([[1], [1.0]], [["1"], [True], [1, 1], [1, 2], 1, [[1]]]),
    "[true,null]": Reading([[True, None]], [[None, True], [True], [1, None], ["true", None]]),
    '["AQ=="]': Reading([["AQ=="], [b"\x01"]], [[b"\x02"], b"\x01"]),
    "[]": Reading([[]], [[[]], [1], {}, None]),
    "{}": Reading([{}], [{"a": 1}, [], None]),
    '{"b":1,"a":["x"]}': Reading(
        [{"a": ["x"], "b": 1}, {"b": 1.0, "a": ["x"]}],
        [{"a": ["x"]}, {"a": ["x"], "b": 1, "c": 2}, {"a": ["x", "y"], "b": 1}, {"a": "x", "b": 1}],
    ),
    '{"$bytes":"AQ=="}': Reading([{"$bytes": "AQ=="}, {"$bytes": b"\x01"}], [b"\x01", {"$bytes": "AQ"}]),
    "{not json": Reading(["{not json"], [{"not": "json"}]),
    'it\'s %s \\ "quoted" é\U0001f600': Reading(['it\'s %s \\ "quoted" é\U0001f600'], ["it's"]),
}


@pytest.mark.parametrize("text", READINGS.keys())
async def test_values_are_found_by_their_printed_form(store: Store, text: str) -> None:
    hits = [span(attributes={"k": value}) for value in READINGS[text].stands_for]
    misses = [span(attributes={"k": value}) for value in READINGS[text].not_for]
    await store.put(*hits, *misses, span(attributes={"not k": text}))
    found = await store.found(search(tags=[Tag(key="k", value=text)]))
    by_trace = {one.trace_id: one.attributes["k"] for one in (*hits, *misses)}
    assert [by_trace[one] for one in found if one not in {hit.trace_id for hit in hits}] == []
    assert [one.attributes["k"] for one in hits if one.trace_id not in found] == []


AWKWARD_KEYS = ["", "a.b.c", "k'; --", '"', "{a,b}", "$bytes", "$.k", "%(k)s", "\U0001f511", "k" * 300]


@pytest.mark.parametrize("key", AWKWARD_KEYS)
async def test_any_key_can_be_asked_for(store: Store, key: str) -> None:
    hit = span(attributes={key: "v"})
    await store.put(hit, span(attributes={"k": "v"}))
    assert await store.found(search(tags=[Tag(key=key, value="v")])) == [hit.trace_id]


class Special(NamedTuple):
    """A special key with a value, a span it holds on, and spans it does not hold on."""

    tag: Tag
    hit: SpanFields
    misses: list[SpanFields]


def _kind_special(kind: SpanKind) -> Special:
    name = kind.name.lower()
    others: list[SpanFields] = [{"kind": other, "attributes": {"span.kind": name}} for other in SpanKind]
    return Special(Tag(key="span.kind", value=name), {"kind": kind}, [one for one in others if one["kind"] != kind])


def _status_special(code: StatusCode) -> Special:
    name = code.name.lower()
    others: list[SpanFields] = [{"status_code": other, "attributes": {"span.status": name}} for other in StatusCode]
    misses = [one for one in others if one["status_code"] != code]
    return Special(Tag(key="span.status", value=name), {"status_code": code}, misses)


SPECIAL: dict[str, Special] = {
    "error": Special(
        Tag(key="error", value="true"),
        {"status_code": StatusCode.ERROR},
        [{"status_code": StatusCode.OK}, {"attributes": {"error": True}}],
    ),
    "no error, unset": Special(Tag(key="error", value="false"), {}, [{"status_code": StatusCode.ERROR}]),
    "no error, ok": Special(
        Tag(key="error", value="false"),
        {"status_code": StatusCode.OK},
        [{"status_code": StatusCode.ERROR, "attributes": {"error": False}}],
    ),
    **{f"kind {kind.name.lower()}": _kind_special(kind) for kind in SpanKind},
    **{f"status {code.name.lower()}": _status_special(code) for code in StatusCode},
    "scope name": Special(
        Tag(key="scope.name", value="asked"),
        {"scope": Scope(name="asked")},
        [{"scope": Scope(name="other", attributes={"scope.name": "asked"})}, {"attributes": {"scope.name": "asked"}}],
    ),
    "scope version": Special(
        Tag(key="scope.version", value="2"),
        {"scope": Scope(name="asked", version="2")},
        [{"scope": Scope(name="2")}, {"attributes": {"scope.version": 2}}],
    ),
    "resource attribute": Special(
        Tag(key="resource.host.cpus", value="4"),
        {"resource": resource(attributes={"host.cpus": 4})},
        [{"attributes": {"host.cpus": 4, "resource.host.cpus": 4}}, {"resource": resource(attributes={"host": 4})}],
    ),
    "resource service name": Special(
        Tag(key="resource.service.name", value="asked"),
        {"resource": resource("asked")},
        [{"attributes": {"service.name": "asked"}}],
    ),
}


@pytest.mark.parametrize("special", SPECIAL.values(), ids=SPECIAL.keys())
async def test_special_keys(store: Store, special: Special) -> None:
    hit = span(**special.hit)
    await store.put(hit, *(span(**miss) for miss in special.misses))
    assert await store.found(search(tags=[special.tag])) == [hit.trace_id]


@pytest.mark.parametrize("key", ["error", "span.kind", "span.status"])
async def test_a_special_key_with_an_unknown_value_finds_nothing(store: Store, key: str) -> None:
    await store.put(span(attributes={key: "nonsense"}))
    assert await store.found(search(tags=[Tag(key=key, value="nonsense")])) == []
