"""A row of a decision, read back as PostgreSQL reads it; what does not fit it."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.postgres.decision_row import (
    DECISION_COLUMNS,
    DECISION_IDENTITY,
    as_stored,
    decision_of,
    encode_decision,
    stored,
)
from storage.postgres.storable import MAX_SHORT_CHARS, stored_id
from tests.support.decision import decision, full_decision
from tracedata.decision import Decision
from tracedata.interaction import MAX_TEXT_CHARS


def _columns(one: Decision) -> Mapping[str, bytes | None]:
    row = encode_decision(one, workspace_id=7)
    (count,) = struct.unpack_from("!h", row)
    fields: list[bytes | None] = []
    position = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, position)
        position += 4
        fields.append(None if length < 0 else row[position : position + length])
        position += max(length, 0)
    assert position == len(row), "nothing follows the last field"
    return dict(zip(DECISION_COLUMNS, fields, strict=True))


def test_every_field_of_a_decision_is_told_in_the_full_one() -> None:
    told, untold = full_decision(), decision()
    same = {name for name in Decision.__struct_fields__ if getattr(told, name) == getattr(untold, name)}
    assert same == {"id"}


@pytest.mark.parametrize("one", [decision(), full_decision()], ids=["nothing told", "everything told"])
def test_what_is_stored_comes_back(one: Decision) -> None:
    assert decision_of(stored(one, workspace_id=1)) == one
    assert as_stored(one) == one


def test_what_nobody_told_is_null_and_an_empty_value_is_not() -> None:
    unknown = _columns(decision())
    always = {"workspace_id", "trace_id", "span_id", "decision_id", "time", "time_ns", "mapper_version", "type"}
    always |= {"component", "service_name", "convention", "is_final_stated", "details"}
    assert {name for name, data in unknown.items() if data is not None} == always
    empty = _columns(decision(input={}, output="", sequence=0, evaluation_ns=0, is_enforced=False))
    assert (empty["input"], empty["output"]) == (b"\x01{}", b'\x01""')
    assert [empty[name] for name in ("sequence", "evaluation_ns", "is_enforced")] == [bytes(8), bytes(8), b"\0"]


VALUES: Mapping[str, Any] = {
    "text": "plain",
    "text with JSON in it": '{"a": 1}',
    "integer": 5,
    "double without a fraction": 5.0,
    "huge integer": 10**30,
    "no number": math.inf,
    "boolean": False,
    "bytes": b"\x00\x01",
    "key that looks like a tag": {"$bytes": "x"},
    "list": [1, [2.0, {"a": None}]],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_values_keep_their_type(value: Any) -> None:  # noqa: ANN401 - whatever a sender sends
    found = as_stored(decision(input=value, output={"v": value}))
    assert repr(found.input) == repr(value)
    assert repr(found.output) == repr({"v": value})


UNSTORABLE: Mapping[str, dict[str, Any]] = {
    "NUL": {"id": "a\0b", "reasoning": "a\0b", "input": {"a\0b": ["a\0b", 1.0]}, "candidates": ["a\0b"]},
    "lone surrogate": {"id": "a\ud800", "reasoning": "\udfff", "output": "\ud800", "attributes": {"\ud800": "\ud800"}},
    "both": {"reported_type": "\ud800\0", "input": ["\0\ud800"], "outcome": "\0", "user_id": "\ud800"},
}


@pytest.mark.parametrize("fields", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_postgresql_refuses_is_mended(fields: dict[str, Any]) -> None:
    columns = _columns(full_decision(**fields))
    for name in ("decision_id", "reasoning", "outcome", "user_id", "input", "output", "details"):
        data = columns[name] or b""
        assert b"\0" not in data
        assert b"\\u0000" not in data
        data.decode()


def test_what_is_nested_too_deeply_loses_its_depth() -> None:
    value: Any = 1
    for _ in range(2_000):
        value = [value]
    found = as_stored(decision(input={"deep": value, "flat": 1}, attributes={"deep": value}))
    assert isinstance(found.input, dict)
    assert found.input["flat"] == 1
    assert len(encode_decision(found, workspace_id=1)) < 1_000


@pytest.mark.parametrize("name", ["id", "rule_id", "parent_id", "request_id", "user_id", "session_id"])
def test_long_ids_stay_apart(name: str) -> None:
    column = "decision_id" if name == "id" else name
    one, other = (_columns(decision(**{name: "x" * 5_000 + end}))[column] for end in "ab")
    assert one != other
    assert one == stored_id("x" * 5_000 + "a").encode()


@pytest.mark.parametrize("name", ["component", "service_name", "outcome", "rule_name", "request_path", "convention"])
def test_no_text_is_longer_than_an_index_entry_can_be(name: str) -> None:
    found = _columns(decision(**{name: "\N{GRINNING FACE}" * 20_000}))[name]
    assert 0 < len(found or b"") <= 4 * MAX_SHORT_CHARS


def test_reasoning_is_cut() -> None:
    assert _columns(decision(reasoning="r" * 20_000))["reasoning"] == b"r" * MAX_TEXT_CHARS


@pytest.mark.parametrize("name", ["evaluation_ns", "sequence"])
def test_numbers_beyond_their_column_are_unknown(name: str) -> None:
    assert _columns(decision(**{name: 2**63}))[name] is None


_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)
_LEAF = st.none() | st.booleans() | st.integers() | _TEXT | st.floats(allow_nan=False) | st.binary(max_size=5)
_VALUE = st.recursive(_LEAF, lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner), max_leaves=8)
_CHANGES = st.fixed_dictionaries(
    {"id": st.text(max_size=400), "input": _VALUE, "output": _VALUE, "attributes": st.dictionaries(_TEXT, _VALUE)}
)


@given(changes=_CHANGES)
def test_storing_again_what_was_stored_changes_nothing(changes: dict[str, Any]) -> None:
    one = decision(**changes)
    once = as_stored(one)
    assert as_stored(once) == once
    assert encode_decision(once, workspace_id=1) == encode_decision(one, workspace_id=1)


def test_the_identity_is_made_of_columns() -> None:
    assert set(DECISION_IDENTITY) <= set(DECISION_COLUMNS)
    assert msgspec.structs.replace(decision(), id="x") != decision()
