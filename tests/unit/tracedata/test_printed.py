"""Printed forms, and the way back from them."""

from __future__ import annotations

import base64
import json
import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support import strategies
from tests.support.canonical import canonical
from tests.support.factory import MAX_INT64, MIN_INT64
from tests.support.strategies import unhurried
from tracedata import SpanKind, Value
from tracedata.printed import printed, printed_double, printed_json, readings

SCALARS: dict[str, tuple[Value, str]] = {
    "string": ("GET /cart", "GET /cart"),
    "empty string": ("", ""),
    "empty value": (None, ""),
    "true": (True, "true"),
    "false": (False, "false"),
    "int": (200, "200"),
    "enumeration": (SpanKind.SERVER, "2"),
    "smallest int": (MIN_INT64, "-9223372036854775808"),
    "largest int": (MAX_INT64, "9223372036854775807"),
    "bytes": (b"\x01\x02\x03", "AQID"),
    "bytes with padding": (b"\xfb\xff", "+/8="),
    "empty bytes": (b"", ""),
}

# Taken from how Go's encoding/json and JavaScript's Number::toString print them.
DOUBLES: dict[str, tuple[float, str]] = {
    "fraction": (72.5, "72.5"),
    "whole": (1.0, "1"),
    "trailing zeros": (1_200.0, "1200"),
    "zero": (0.0, "0"),
    "negative zero": (-0.0, "-0"),
    "negative": (-0.25, "-0.25"),
    "no exact decimal": (0.1 + 0.2, "0.30000000000000004"),
    "smallest without exponent": (0.000_001, "0.000001"),
    "just below it": (0.000_000_999, "9.99e-7"),
    "one digit and exponent": (1e-7, "1e-7"),
    "exponent of two digits": (1.5e-10, "1.5e-10"),
    "largest without exponent": (999_999_999_999_999_868_928.0, "999999999999999900000"),
    "first with exponent": (1e21, "1e+21"),
    "negative with exponent": (-1.5e21, "-1.5e+21"),
    "beyond int64": (2.0**63, "9223372036854776000"),
    "huge": (1e300, "1e+300"),
    "largest": (1.7976931348623157e308, "1.7976931348623157e+308"),
    "smallest": (5e-324, "5e-324"),
    "not a number": (math.nan, "NaN"),
    "infinity": (math.inf, "+Inf"),
    "negative infinity": (-math.inf, "-Inf"),
}

STRUCTURES: dict[str, tuple[Value, str]] = {
    "empty array": ([], "[]"),
    "empty map": ({}, "{}"),
    "array": (["a", 1, 1.0, 0.5, True, None], '["a",1,1,0.5,true,null]'),
    "tuple": (("a", "b"), '["a","b"]'),
    "sorted keys": ({"b": 1, "a": 2, "": 3, "B": 4}, '{"":3,"B":4,"a":2,"b":1}'),
    "keys sorted by code point": ({"\U0001f600": 1, "\uffff": 2}, '{"\uffff":2,"\U0001f600":1}'),
    "nested": ({"a": [{"b": []}]}, '{"a":[{"b":[]}]}'),
    "bytes": ([b"\x01"], '["AQ=="]'),
    "doubles": ([1e21, 1e-7, -0.0], "[1e+21,1e-7,-0]"),
    "non-finite": ([math.nan, math.inf, -math.inf], '["NaN","+Inf","-Inf"]'),
    "quotes and controls": (['"\\\n\x01'], '["\\"\\\\\\n\\u0001"]'),
    "not escaped for HTML": (["<&>"], '["<&>"]'),
    "beyond ASCII": (["é\U0001f600"], '["é\U0001f600"]'),
}


@pytest.mark.parametrize(("value", "text"), SCALARS.values(), ids=SCALARS.keys())
def test_printed_scalar(value: Value, text: str) -> None:
    assert printed(value) == text


@pytest.mark.parametrize(("value", "text"), DOUBLES.values(), ids=DOUBLES.keys())
def test_printed_double(value: float, text: str) -> None:
    assert printed(value) == printed_double(value) == text


@pytest.mark.parametrize(("value", "text"), STRUCTURES.values(), ids=STRUCTURES.keys())
def test_printed_structure(value: Value, text: str) -> None:
    assert printed(value) == printed_json(value) == text


def test_a_string_as_json_is_quoted() -> None:
    assert printed_json('a"b') == '"a\\"b"'


def contains(found: list[Value], value: Value) -> bool:
    """Whether the very value is among them, type and sign included."""
    return canonical(value) in {canonical(one) for one in found}


@unhurried
@given(strategies.scalars(allow_nan=True))
def test_a_scalar_is_a_reading_of_its_printed_form(value: Value) -> None:
    assert contains(readings(printed(value)), value)


@unhurried
@given(strategies.scalars(allow_nan=True).map(printed) | st.text())
@example("1_0")
@example("+1")
@example(" 1")
@example("\u0661")
@example("1e5")
@example("AR==")
@example("infinity")
def test_every_reading_of_a_scalar_prints_as_the_text(text: str) -> None:
    assume(not text.lstrip().startswith(("[", "{")))
    assert {printed(value) for value in readings(text)} == {text}


structures = strategies.values(allow_nan=True).filter(lambda value: isinstance(value, (list, dict)))


@unhurried
@given(structures)
def test_every_reading_of_a_structure_is_the_same_json(value: Value) -> None:
    text = printed(value)
    as_json = [json.loads(printed(one), parse_int=float) for one in readings(text) if not isinstance(one, str)]
    assert as_json
    assert all(one == json.loads(text, parse_int=float) for one in as_json)


@unhurried
@given(st.text())
def test_the_text_itself_comes_first(text: str) -> None:
    assert readings(text)[0] == text


@unhurried
@given(strategies.scalars(allow_nan=True).map(printed))
def test_no_reading_of_a_scalar_comes_twice(text: str) -> None:
    found = [canonical(value) for value in readings(text)]
    assert len(found) == len(set(found))


@unhurried
@given(strategies.doubles())
def test_a_double_reads_back_from_its_printed_form(value: float) -> None:
    assert repr(float(printed_double(value))) == repr(value)


READINGS: dict[str, list[Value]] = {
    "": ["", None, b""],
    "200": ["200", 200, 200.0],
    "200.0": ["200.0"],
    "007": ["007"],
    "-0": ["-0", -0.0],
    "true": ["true", True, base64.b64decode("true")],
    "True": ["True", base64.b64decode("True")],
    "NaN": ["NaN", math.nan],
    "nan": ["nan"],
    "9223372036854775807": ["9223372036854775807", MAX_INT64],
    "9223372036854775808": ["9223372036854775808"],
    "9223372036854776000": ["9223372036854776000", 2.0**63],
    "9" * 5_000: ["9" * 5_000, base64.b64decode("9" * 5_000)],
    '{"b":1,"a":[null]}': ['{"b":1,"a":[null]}', {"a": [None], "b": 1}],
    " [ 1 ] ": [" [ 1 ] ", [1]],
    '["AQ==","x"]': ['["AQ==","x"]', ["AQ==", "x"], [b"\x01", "x"]],
    "[0]": ["[0]", [0], [-0.0]],
    "[-0,false]": ["[-0,false]", [0, False], [-0.0, False]],
    '["NaN"]': ['["NaN"]', ["NaN"], [math.nan]],
    '[""]': ['[""]', [""], [b""]],
    "[1": ["[1"],
    "[1] x": ["[1] x"],
    "[1e999]": ["[1e999]"],
    '["\ud800"]': ['["\ud800"]'],
    "\ud800": ["\ud800"],
    "[" * 100_000: ["[" * 100_000],
}


@pytest.mark.parametrize(("text", "values"), READINGS.items(), ids=[ascii(text[:20]) for text in READINGS])
def test_readings(text: str, values: list[Value]) -> None:
    assert [canonical(value) for value in readings(text)] == [canonical(value) for value in values]


def test_readings_of_a_structure_are_bounded_and_end_with_bytes_only() -> None:
    found = readings(printed([b"\x01"] * 100))
    assert len(found) < 20
    assert canonical(found[1]) == canonical(["AQ=="] * 100)
    assert canonical(found[-1]) == canonical([b"\x01"] * 100)
