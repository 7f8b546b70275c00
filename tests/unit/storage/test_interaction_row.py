"""A row of an interaction, read back field by field as PostgreSQL reads it; what does not fit it."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.postgres.interaction_row import (
    INTERACTION_COLUMNS,
    INTERACTION_IDENTITY,
    as_stored,
    encode_interaction,
    interaction_of,
    stored,
)
from storage.postgres.row import PG_EPOCH_US
from storage.postgres.storable import MAX_SHORT_CHARS, stored_id
from tests.support.factory import BASE_US
from tests.support.interaction import full_interaction, interaction
from tracedata import Interaction
from tracedata.interaction import MAX_TEXT_CHARS, Cost, Usage

_INT4 = 2**31 - 1
_TEXTS = (
    "service_name provider model_requested model_served model_family response_id request_id user_id session_id "
    "organization_id agent convention"
).split()
_IDS = ("response_id", "request_id", "user_id", "session_id", "organization_id")


def _fields(row: bytes) -> Iterator[bytes | None]:
    (count,) = struct.unpack_from("!h", row)
    assert count == len(INTERACTION_COLUMNS)
    position = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", row, position)
        position += 4
        yield None if length < 0 else row[position : position + length]
        position += max(length, 0)
    assert position == len(row), "nothing follows the last field"


def _columns(one: Interaction, workspace_id: int = 1) -> dict[str, bytes | None]:
    row = encode_interaction(one, workspace_id=workspace_id)
    return dict(zip(INTERACTION_COLUMNS, _fields(row), strict=True))


def _number(data: bytes | None) -> int:
    assert data is not None
    return int.from_bytes(data, "big", signed=True)


def test_every_field_stands_in_its_column() -> None:
    one = full_interaction()
    found = _columns(one, workspace_id=7)
    numbers = {
        "workspace_id": 7,
        "start_time": BASE_US - PG_EPOCH_US,
        "start_time_ns": 123,
        "latency_ns": 123_456_666,
        "mapper_version": 3,
        "time_to_first_token_ns": 7_000_000,
        "input_tokens": 1,
        "cache_read_tokens": 2,
        "cache_write_tokens": 7,
        "cache_write_5m_tokens": 3,
        "cache_write_1h_tokens": 4,
        "audio_input_tokens": 5,
        "output_tokens": 6,
        "reasoning_tokens": 8,
        "audio_output_tokens": 9,
        "cost_pico": 12_345_000_000,
        "is_estimated": 1,
        "is_discrepant": 1,
        "is_streaming": 1,
    }
    assert {name: _number(found[name]) for name in numbers} == numbers
    ids = ("trace_id", "span_id", "parent_span_id")
    assert {name: found[name] for name in ids} == {name: getattr(one, name) for name in ids}
    texts = set(found) - set(numbers) - set(ids) - {"details", "cost_source", "currency"}
    assert {name: (found[name] or b"").decode() for name in texts} == {name: getattr(one, name) for name in texts}
    assert (found["cost_source"], found["currency"]) == (b"reported:gen_ai.usage.cost", b"EUR")


def test_what_nobody_told_is_null_and_zero_is_not() -> None:
    unknown = _columns(interaction())
    assert {name for name, data in unknown.items() if data is None} == {
        name for name in INTERACTION_COLUMNS if name.endswith("_tokens")
    } | {
        *("parent_span_id", "model_requested", "model_served", "model_family", "response_id", "request_id", "user_id"),
        *(
            "session_id",
            "organization_id",
            "agent",
            "is_streaming",
            "time_to_first_token_ns",
            "cost_pico",
            "cost_source",
        ),
        *("currency", "finish_reason", "error_class", "prompt", "response"),
    }
    zero = _columns(interaction(usage=Usage(input=0, output=0), cost=Cost(amount=0.0), is_streaming=False))
    assert [_number(zero[name]) for name in ("input_tokens", "output_tokens", "cost_pico", "is_streaming")] == [0] * 4
    assert zero["currency"] == b"USD"


@pytest.mark.parametrize("one", [interaction(), full_interaction()], ids=["nothing told", "everything told"])
def test_what_is_stored_comes_back(one: Interaction) -> None:
    found = interaction_of(stored(one, workspace_id=1))
    assert found == one


def test_every_field_of_an_interaction_is_told_in_the_full_one() -> None:
    told, untold = full_interaction(), interaction()
    same = {name for name in Interaction.__struct_fields__ if getattr(told, name) == getattr(untold, name)}
    assert same == {"operation"}


@pytest.mark.parametrize("name", _TEXTS)
def test_no_text_is_longer_than_an_index_entry_can_be(name: str) -> None:
    found = _columns(interaction(**{name: "\N{GRINNING FACE}" * 20_000}))
    columns = ("model", name) if name.startswith("model_s") else (name,)
    for column in columns:
        assert 0 < len(found[column] or b"") <= 4 * MAX_SHORT_CHARS


@pytest.mark.parametrize("name", _IDS)
def test_long_ids_stay_apart(name: str) -> None:
    long = "x" * 5_000
    one, other = (_columns(interaction(**{name: f"{long}{end}"}))[name] for end in "ab")
    assert one != other
    assert one == stored_id(f"{long}a").encode()


def test_prompts_and_answers_are_cut() -> None:
    found = _columns(interaction(prompt="p" * 20_000, response="r" * 20_000))
    assert (found["prompt"], found["response"]) == (b"p" * MAX_TEXT_CHARS, b"r" * MAX_TEXT_CHARS)


UNSTORABLE: Mapping[str, dict[str, Any]] = {
    "NUL in a column": {"prompt": "a\0b", "model_served": "a\0b", "session_id": "a\0b"},
    "NUL in details": {"name": "a\0b", "parameters": {"a\0b": ["a\0b", {"x": "a\0b", "t": 1.0}]}, "tags": ["a\0b"]},
    "lone surrogate in a column": {"response": "a\ud800b", "user_id": "\udfff"},
    "lone surrogate in details": {"error_message": "\ud800", "parameters": {"\ud800": 1}, "tool_calls": ["\ud800"]},
    "both": {"prompt": "\ud800\0", "name": "\0\ud800", "parameters": {"k": "\0\ud800"}},
}


@pytest.mark.parametrize("fields", UNSTORABLE.values(), ids=UNSTORABLE.keys())
def test_what_postgresql_refuses_is_mended(fields: dict[str, Any]) -> None:
    row = encode_interaction(full_interaction(**fields), workspace_id=1)
    texts = [data for data in _fields(row) if data is not None and b"a" in data]
    assert texts
    columns = dict(zip(INTERACTION_COLUMNS, _fields(row), strict=True))
    for name in ("prompt", "response", "model", "model_served", "session_id", "user_id", "details"):
        data = columns[name] or b""
        assert b"\0" not in data
        assert b"\\u0000" not in data
        data.decode()


def test_mending_leaves_backslashes_and_numbers_as_they_are() -> None:
    one = full_interaction(name=r"a\u0000b", parameters={"big": 2**60, "t": 1.0, "tiny": 1e-7})
    found = as_stored(one)
    assert found.name == r"a\u0000b"
    assert repr(found.parameters) == repr({"big": 2**60, "t": 1.0, "tiny": 1e-7})


OUT_OF_RANGE: Mapping[str, tuple[dict[str, Any], str, int | None]] = {
    "tokens": ({"usage": Usage(input=2**31)}, "input_tokens", None),
    "most tokens": ({"usage": Usage(input=_INT4)}, "input_tokens", _INT4),
    "first token": ({"time_to_first_token_ns": 2**63}, "time_to_first_token_ns", None),
    "cost": ({"cost": Cost(amount=1e30)}, "cost_pico", 2**63 - 1),
    "no cost": ({"cost": Cost(amount=math.nan, computed=math.inf)}, "cost_pico", None),
    "latency": ({"start_time_unix_nano": 0, "end_time_unix_nano": 2**64 - 1}, "latency_ns", 2**63 - 1),
    "start": ({"start_time_unix_nano": 2**64 - 1}, "start_time", (2**64 - 1) // 1_000 - PG_EPOCH_US),
    "mapper": ({"mapper_version": 2**15}, "mapper_version", 2**15 - 1),
}


@pytest.mark.parametrize(("fields", "column", "kept"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_numbers_beyond_their_column(fields: dict[str, Any], column: str, kept: int | None) -> None:
    found = _columns(interaction(**fields))[column]
    assert (None if found is None else _number(found)) == kept


@pytest.mark.parametrize(
    ("amount", "pico"),
    [(0.1 + 0.2, 300_000_000_000), (1e-12, 1), (4e-13, 0), (1234.000000000001, 1_234_000_000_000_001)],
    ids=["no dust of binary fractions", "smallest", "too small", "large with small parts"],
)
def test_costs_are_exact_to_a_trillionth(amount: float, pico: int) -> None:
    assert stored(interaction(cost=Cost(amount=amount)), workspace_id=1).cost_pico == pico


_ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=20)


_ANY_VALUE = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _ANY_TEXT | st.floats(allow_nan=False)
_CHANGES = st.fixed_dictionaries(
    {
        "name": _ANY_TEXT,
        "prompt": _ANY_TEXT,
        "response_id": st.text(max_size=400),
        "cost": st.builds(Cost, amount=st.none() | st.floats()),
        "parameters": st.dictionaries(_ANY_TEXT, _ANY_VALUE),
        "usage": st.builds(Usage, output=st.none() | st.integers()),
    }
)


@given(changes=_CHANGES)
def test_storing_again_what_was_stored_changes_nothing(changes: dict[str, Any]) -> None:
    one = interaction(**changes)
    once = as_stored(one)
    assert as_stored(once) == once
    assert encode_interaction(once, workspace_id=1) == encode_interaction(one, workspace_id=1)


def test_parameters_that_are_nested_too_deeply_lose_their_depth() -> None:
    value: object = 1
    for _ in range(2_000):
        value = [value]
    found = as_stored(interaction(name="n", parameters={"p": value, "q": 1}))
    assert (found.name, found.parameters["q"]) == ("n", 1)
    assert len(encode_interaction(found, workspace_id=1)) < 1_000


def test_the_identity_is_made_of_columns() -> None:
    assert set(INTERACTION_IDENTITY) <= set(INTERACTION_COLUMNS)
    assert replace(interaction(), name="x") != interaction()
