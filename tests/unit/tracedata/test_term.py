"""Which terms attributes have: whatever a search can find by a value has the term of that value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.postgres import migrations
from tests.support.factory import resource, span
from tracedata import Event, Link, Scope, StatusCode, Value
from tracedata.printed import printed
from tracedata.term import (
    FAILED,
    UNTOLD,
    duration_trait,
    duration_traits,
    name_term,
    structure_term,
    term,
    terms_of,
    trait_terms,
)

_SCALARS: tuple[Value, ...] = (
    "",
    "x",
    0,
    -0.0,
    0.0,
    1,
    1.0,
    True,
    False,
    1.5,
    2**60,
    2.0**60,
    1e300,
    None,
    b"\x01",
    b"",
)


@pytest.mark.parametrize("value", _SCALARS, ids=repr)
def test_a_scalar_has_the_term_of_its_printed_form_whatever_else_is_there(value: Value) -> None:
    # Python takes some of them for equal, so each stands beside all others.
    spans = [span(attributes={"k": one}) for one in _SCALARS]
    assert term("k", printed(value)) in terms_of(spans)
    assert term("k", printed(value)) in terms_of([*reversed(spans)])


@pytest.mark.parametrize("array", [["x", 1, {"a": 1}, True], ("x", 1, True), [True, "x", 1.0, ["y"]]], ids=repr)
def test_an_array_has_the_terms_of_its_elements_and_its_own(array: Value) -> None:
    found = terms_of([span(attributes={"k": array})])
    assert {term("k", "x"), term("k", "1"), term("k", "true"), structure_term("k")} <= found
    assert term("k", printed(array)) not in found


def test_a_map_has_its_own_term_only() -> None:
    bare = terms_of([span(attributes={})])
    assert terms_of([span(attributes={"k": {"a": "x"}})]) - bare == {structure_term("k")}


def test_all_places_the_name_and_the_traits_have_terms() -> None:
    one = span(
        name="GET /",
        attributes={"k": "span"},
        resource=resource("shop", {"k": "resource"}),
        scope=Scope(name="s", attributes={"k": "scope"}),
        events=[Event(attributes={"k": "event"})],
        links=[Link(attributes={"k": "link"})],
        status_code=StatusCode.ERROR,
    )
    wanted = {term("k", place) for place in ("span", "resource", "scope", "event", "link")}
    traits = [FAILED, duration_trait(one.duration_ns)]
    for whose in ({}, {"service": "shop"}, {"service": "shop", "name": "GET /"}):
        wanted |= {*trait_terms(traits, **whose)} - {UNTOLD}
    assert terms_of([one]) == {*wanted, term("service.name", "shop"), name_term("GET /")}
    assert terms_of([one, one]) == terms_of([one])


def test_traits_belong_to_the_service_and_the_name_of_their_span() -> None:
    fast, slow = 1_000, 1_000_000_000
    spans = [
        span(name=name, resource=resource(service), lasting_ns=lasting)
        for service, name, lasting in (("a", "x", fast), ("a", "y", slow), ("b", "x", slow))
    ]
    found = terms_of([*spans, *spans])

    def has(lasting: int, **whose: str) -> bool:
        return not found.isdisjoint({*trait_terms([duration_trait(lasting)], **whose)} - {UNTOLD})

    assert has(slow, service="a")
    assert has(slow, service="a", name="y")
    assert not has(slow, service="a", name="x")
    assert not has(fast, service="b")


@given(st.integers(-(2**64), 2**64 - 1), st.integers(-(2**64), 2**64 - 1))
def test_a_duration_has_a_trait_of_every_range_that_it_is_in(duration: int, bound: int) -> None:
    least, most = min(duration, bound), max(duration, bound)
    trait = duration_trait(duration)
    assert trait in duration_traits(least, most)
    assert trait in duration_traits(None, most)
    assert trait in duration_traits(least, None)
    assert trait in duration_traits(None, None)
    assert trait < FAILED


def test_durations_that_differ_by_half_have_different_traits() -> None:
    assert all(duration_trait(ns) < duration_trait(ns + (ns + 1) // 2) for ns in range(1, 5_000))


def test_what_was_stored_before_there_were_traits_is_looked_at() -> None:
    assert UNTOLD in trait_terms([])
    (migration,) = Path(migrations.__path__[0]).glob("0019_*.sql")
    assert f"terms || {UNTOLD};" in migration.read_text()


def test_key_and_value_are_kept_apart() -> None:
    assert term("ab", "c") != term("a", "bc")
