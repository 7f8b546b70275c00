"""Durations in Go's notation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.duration import parse_duration
from tests.support.strategies import unhurried
from tracedata import CallerError

VALID = {
    "0": 0,
    "+0": 0,
    "-0": 0,
    "0s": 0,
    "1ns": 1,
    "1us": 1_000,
    "1\u00b5s": 1_000,
    "1\u03bcs": 1_000,
    "1ms": 1_000_000,
    "1s": 1_000_000_000,
    "1m": 60_000_000_000,
    "1h": 3_600_000_000_000,
    "1h30m": 5_400_000_000_000,
    "1h1m1s1ms1us1ns": 3_661_001_001_001,
    "30m1h": 5_400_000_000_000,
    "1s1s": 2_000_000_000,
    "1.5s": 1_500_000_000,
    "1.s": 1_000_000_000,
    ".5s": 500_000_000,
    "+1.5h": 5_400_000_000_000,
    "-1.5s": -1_500_000_000,
    "-1s500ms": -1_500_000_000,
    "1.9ns": 1,
    "-1.9ns": -1,
    "0.5ns0.5ns": 1,
    "0.1ms": 100_000,
    "0.3s": 300_000_000,
    "2562047h47m16.854775807s": 2**63 - 1,
}

INVALID = [
    "",
    "-",
    "+",
    "s",
    ".",
    ".s",
    "+.s",
    "1",
    "1.5",
    "1.2.3",
    "--1s",
    "+-1s",
    "1s ",
    " 1s",
    "1 s",
    "1S",
    "1d",
    "1x",
    "1s2",
    "-00",
    "1e3s",
    "0x1s",
    "1_000s",
    "\u0661s",
    "1,5s",
    "NaNs",
    "1s" * 33,
]


@pytest.mark.parametrize(("text", "nanoseconds"), VALID.items(), ids=[ascii(text) for text in VALID])
def test_a_duration_is_nanoseconds(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", INVALID, ids=ascii)
def test_anything_else_is_the_callers_fault(text: str) -> None:
    with pytest.raises(CallerError, match=r"^time: .* duration "):
        parse_duration(text)


@pytest.mark.parametrize("text", ["1", "1.5", "-20", ".5", "10."])
def test_a_missing_unit_is_named(text: str) -> None:
    with pytest.raises(CallerError) as caught:
        parse_duration(text)
    assert str(caught.value) == f'time: missing unit in duration "{text}"'


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(CallerError) as caught:
        parse_duration("x" * 10_000)
    assert len(str(caught.value)) < 200


@unhurried
@given(st.integers(-(10**15), 10**15))
def test_whole_nanoseconds_come_back(nanoseconds: int) -> None:
    assert parse_duration(f"{nanoseconds}ns") == nanoseconds


@unhurried
@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999_999))
def test_parts_add_up(hours: int, minutes: int, seconds: int, nanoseconds: int) -> None:
    expected = ((hours * 60 + minutes) * 60 + seconds) * 10**9 + nanoseconds
    assert parse_duration(f"{hours}h{minutes}m{seconds}.{nanoseconds:09}s") == expected
    assert parse_duration(f"-{hours}h{minutes}m{seconds}.{nanoseconds:09}s") == -expected


@unhurried
@given(st.text(alphabet="0123456789.+-nuµmsh ", max_size=12) | st.text(max_size=80))
def test_any_text_is_a_duration_or_the_callers_fault(text: str) -> None:
    try:
        parsed = parse_duration(text)
    except CallerError:
        return
    assert isinstance(parsed, int)
