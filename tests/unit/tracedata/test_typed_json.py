from __future__ import annotations

import math

import msgspec
import pytest

from tests.support.canonical import canonical
from tracedata import Value
from tracedata.typed_json import decode_attributes, encode_attributes

WRITTEN: dict[str, tuple[Value, str]] = {
    "string": ("a", '"a"'),
    "int": (1, "1"),
    "true": (True, "true"),
    "empty value": (None, "null"),
    "whole double": (1.0, "1.0"),
    "fraction": (0.25, "0.25"),
    "double below the exponent": (999999999999999.0, "999999999999999.0"),
    "double at the exponent": (1e15, "1000000000000000.0"),
    "negative double at the exponent": (-1e15, "-1000000000000000.0"),
    "double at the exponent with a fraction": (1e15 + 0.5, "1000000000000000.5"),
    "double before Python's own exponent": (9999999999999998.0, "9999999999999998.0"),
    "double at Python's own exponent": (1e16, "10000000000000000.0"),
    "huge double": (1e21, "1000000000000000000000.0"),
    "negative zero": (-0.0, '{"$double":"-0"}'),
    "not a number": (math.nan, '{"$double":"NaN"}'),
    "infinity": (math.inf, '{"$double":"Infinity"}'),
    "negative infinity": (-math.inf, '{"$double":"-Infinity"}'),
    "bytes": (b"\x01", '{"$bytes":"AQ=="}'),
    "map": ({"a": 1}, '{"a":1}'),
    "map like a tag": ({"$bytes": "AQ=="}, '{"$map":{"$bytes":"AQ=="}}'),
    "array": ([1, 1.0, b""], '[1,1.0,{"$bytes":""}]'),
}


@pytest.mark.parametrize(("value", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_values_are_written_as_documented(value: Value, text: str) -> None:
    assert encode_attributes({"k": value}).decode() == f'{{"k":{text}}}'


@pytest.mark.parametrize(("value", "text"), WRITTEN.values(), ids=WRITTEN.keys())
def test_values_are_read_back(value: Value, text: str) -> None:
    assert canonical(decode_attributes(f'{{"k":{text}}}'.encode())) == canonical({"k": value})


def test_keys_are_never_tagged() -> None:
    assert encode_attributes({"$bytes": "AQ=="}) == b'{"$bytes":"AQ=="}'
    assert decode_attributes(b'{"$bytes":"AQ=="}') == {"$bytes": "AQ=="}


@pytest.mark.parametrize("value", [value for value, _ in WRITTEN.values()], ids=WRITTEN.keys())
def test_what_stands_beside_a_value_does_not_change_how_it_is_written(value: Value) -> None:
    # A map of plain values takes a short way; one with bytes in it does not.
    beside_bytes = msgspec.json.decode(encode_attributes({"k": value, "other": b""}))
    assert beside_bytes["k"] == msgspec.json.decode(encode_attributes({"k": value}))["k"]


def test_no_data_is_no_attribute() -> None:
    assert decode_attributes(None) == {}
