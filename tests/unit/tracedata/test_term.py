"""Which terms attributes have: whatever a search can find by a value has the term of that value."""

from __future__ import annotations

import pytest

from tests.support.factory import resource, span
from tracedata import Event, Link, Scope, Value
from tracedata.printed import printed
from tracedata.term import name_term, structure_term, term, terms_of

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


def test_all_places_and_the_name_have_terms() -> None:
    one = span(
        name="GET /",
        attributes={"k": "span"},
        resource=resource("shop", {"k": "resource"}),
        scope=Scope(name="s", attributes={"k": "scope"}),
        events=[Event(attributes={"k": "event"})],
        links=[Link(attributes={"k": "link"})],
    )
    wanted = {term("k", place) for place in ("span", "resource", "scope", "event", "link")}
    assert terms_of([one]) == {*wanted, term("service.name", "shop"), name_term("GET /")}
    assert terms_of([one, one]) == terms_of([one])


def test_key_and_value_are_kept_apart() -> None:
    assert term("ab", "c") != term("a", "bc")
