"""Which terms attributes have: whatever a search can find by a value has the term of that value."""

from __future__ import annotations

from itertools import combinations
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
    duration_step,
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
    step = duration_step(one.duration_ns)
    traits = [FAILED, step, 64 + step // 8]
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
        return not found.isdisjoint({*trait_terms(duration_traits(lasting, lasting), **whose)} - {UNTOLD})

    assert has(slow, service="a")
    assert has(slow, service="a", name="y")
    assert not has(slow, service="a", name="x")
    assert not has(fast, service="b")


_DURATIONS = st.one_of(
    st.integers(-(2**64), 2**64 - 1),
    st.builds(lambda bits, less: 2**bits - less, st.integers(0, 64), st.integers(0, 2)),
)


@given(_DURATIONS, _DURATIONS)
def test_a_span_has_a_trait_of_every_range_in_which_its_duration_is(duration: int, bound: int) -> None:
    one = span(name="x", resource=resource("s"), start_time_unix_nano=2**64, end_time_unix_nano=2**64 + duration)
    least, most = min(duration, bound), max(duration, bound)
    for asked in ((least, most), (None, most), (least, None), (None, None)):
        wanted = {*trait_terms(duration_traits(*asked), service="s", name="x")} - {UNTOLD}
        assert not wanted.isdisjoint(terms_of([one]))


def test_few_traits_cover_a_range_and_nothing_else() -> None:
    assert duration_traits(2**44, 2**43) == []
    steps = [duration_step(2**bits + half * 2 ** (bits - 1)) for bits in range(14, 45) for half in (0, 1)]
    assert steps == list(range(2, 64)), "half a power of two is a step"
    for least, most in combinations(range(14, 45), 2):
        traits = duration_traits(2**least, 2**most)
        assert len(traits) <= 20
        for outside in (2**least - 1, 2**most + 2 ** (most - 1)):
            own = terms_of([span(name="x", resource=resource("s"), lasting_ns=outside)])
            assert own.isdisjoint({*trait_terms(traits, service="s", name="x")} - {UNTOLD})


def test_what_was_stored_before_there_were_traits_is_looked_at() -> None:
    assert UNTOLD in trait_terms([])
    (migration,) = Path(migrations.__path__[0]).glob("0019_*.sql")
    assert f"terms || {UNTOLD};" in migration.read_text()


def test_key_and_value_are_kept_apart() -> None:
    assert term("ab", "c") != term("a", "bc")
