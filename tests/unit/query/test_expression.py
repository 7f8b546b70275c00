from __future__ import annotations

import json

import pytest

from query.expression.lowering import MAX_DEPTH, lower
from query.expression.node import Call, decode_call
from query.moment import parse_instant_ns
from query.traceql.search import trace_query
from storage.api import Window
from tracedata import CallerError

_N = '{"attr": {"key": "n"}}'
_KIND = '{"field": {"level": "span", "name": "kind"}}'
_DURATION = '{"field": {"level": "span", "name": "duration"}}'
_EVENTS = '{"nested": {"level": "event"}}'
_OF_EVENT = '{"attr": {"key": "k", "level": "event"}}'
_HOLDS = '{"call": {"op": "exists", "args": [{"attr": {"key": "n"}}]}}'


def _scalar(value: str, type_: str = "") -> str:
    return f'{{"scalar": {{"value": "{value}", "type": "{type_}"}}}}'


def _in(call: str) -> str:
    return f'{{"call": {call}}}'


def _call(op: str, *args: str) -> str:
    return f'{{"op": "{op}", "args": [{", ".join(args)}]}}'


def _many(count: int) -> str:
    return f'{{"list": {{"values": {json.dumps([str(number) for number in range(count)])}}}}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[]", "Expected `object`, got `array`", id="no object"),
        pytest.param('{"operator": "eq"}', "unknown field `operator`", id="unknown field"),
        pytest.param(_call("like", _N, _scalar("1")), "the operators are and, or, not, eq", id="operator"),
        pytest.param(_call("and", _HOLDS), "two predicates or more", id="and of one"),
        pytest.param(_call("not", _HOLDS, _HOLDS), "not takes one predicate", id="not of two"),
        pytest.param(_call("and", _N, _HOLDS), "take predicates", id="and of a reference"),
        pytest.param(_call("eq", _N), "eq takes two operands", id="eq of one"),
        pytest.param(_call("eq", _N, "{}"), "an expression is one of", id="nothing"),
        pytest.param(
            _call("eq", '{"attr": {"key": "n"}, "scalar": {}}', _N), "an expression is one of", id="two things"
        ),
        pytest.param(_call("eq", _scalar("1"), _scalar("1")), "takes a reference", id="two literals"),
        pytest.param(_call("eq", '{"attr": {"key": ""}}', _scalar("1")), "has a key", id="no key"),
        pytest.param(_call("eq", '{"attr": {"key": "n", "level": "trace"}}', _scalar("1")), "level", id="level"),
        pytest.param(_call("exists", '{"field": {"name": "kind"}}'), "a field has a level", id="field without a level"),
        pytest.param(_call("exists", '{"field": {"level": "event", "name": "kind"}}'), "fields of event", id="field"),
        pytest.param(_call("eq", _KIND, _scalar("servr")), "a kind is one of unspecified, internal", id="kind"),
        pytest.param(_call("gt", _KIND, _scalar("server")), "a kind has no order", id="order of kinds"),
        pytest.param(_call("gt", _N, _scalar("true", "bool")), "a bool has no order", id="order of booleans"),
        pytest.param(_call("eq", _DURATION, _scalar("2")), "missing unit in duration", id="duration without a unit"),
        pytest.param(_call("regex", _DURATION, _scalar("2")), "regex is for text", id="regex of a duration"),
        pytest.param(_call("regex", _N, _scalar("(")), "the regular expression", id="regex"),
        pytest.param(_call("eq", _N, _DURATION), "an attribute is compared with", id="attribute and duration"),
        pytest.param(_call("eq", _KIND, _DURATION), "cannot be compared", id="kind and duration"),
        pytest.param(_call("eq", _N, _scalar("x", "int")), "this is no int", id="int"),
        pytest.param(_call("eq", _N, _scalar("9223372036854775808", "int")), "64 bits", id="large int"),
        pytest.param(_call("eq", _N, _scalar("nan", "double")), "finite", id="not a number"),
        pytest.param(_call("eq", _N, _scalar("yes", "bool")), "true or false", id="bool"),
        pytest.param(_call("eq", _N, _scalar("1", "long")), "the type of a literal", id="type"),
        pytest.param(_call("eq", _N, _scalar("\\u0000")), "none of which is NUL", id="NUL"),
        pytest.param(_call("in", _N, _scalar("1")), "a reference and a list", id="in of a scalar"),
        pytest.param(_call("in", _N, _many(399)), "at most 400 parts", id="long list"),
        pytest.param(_call("some", _N, _HOLDS), "some takes a nested reference", id="some of an attribute"),
        pytest.param(
            _call("some", _EVENTS, _in(_call("some", _EVENTS, _HOLDS))),
            "cannot stand in another one",
            id="some in some",
        ),
        pytest.param(_call("eq", _OF_EVENT, _N), "inside some only", id="event beside span"),
    ],
)
def test_refusals_say_what_is_possible(text: str, words: str) -> None:
    with pytest.raises(CallerError, match=words):
        lower(decode_call(text))


def _nested(depth: int) -> Call:
    text = _call("exists", _N)
    for _ in range(depth - 1):
        text = _call("not", _in(text))
    return decode_call(text)


def test_nesting_is_bounded() -> None:
    lower(_nested(MAX_DEPTH))
    with pytest.raises(CallerError, match="nested at most"):
        lower(_nested(MAX_DEPTH + 1))


def test_values_of_lists_are_bounded_too() -> None:
    def among(count: int) -> str:
        values = ", ".join(f'"{number}"' for number in range(count))
        return _call("in", _N, f'{{"list": {{"values": [{values}]}}}}')

    lower(decode_call(among(390)))
    with pytest.raises(CallerError, match="at most 400 parts"):
        lower(decode_call(among(400)))


def test_a_filter_compiles_to_the_statement_of_a_search() -> None:
    text = _call("some", _EVENTS, _in(_call("eq", _OF_EVENT, _scalar("v"))))
    window = Window(workspace_id=1, start_us=0, end_us=1)
    found = trace_query(lower(decode_call(text)), window, limit=3).candidates()
    assert "EXISTS(SELECT 1 FROM JSONB_ARRAY_ELEMENTS(s.events) AS ev(v) WHERE" in found.sql
    assert set(found.parameters) >= {"workspace_id", "start", "end"}
    # Values are parameters, never text of the statement.
    assert "'v'" not in found.sql


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        pytest.param("1970-01-01T00:00:01Z", 1_000_000_000, id="second"),
        pytest.param("1970-01-01T00:00:00.000000007Z", 7, id="nanosecond"),
        pytest.param("1970-01-01T01:00:00.1+01:00", 100_000_000, id="offset"),
    ],
)
def test_instants_keep_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_instant_ns(text) == nanoseconds


def test_a_list_that_is_not_too_long() -> None:
    assert lower(decode_call(_call("in", _N, _many(398)))).pipeline.stages
