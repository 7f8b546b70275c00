from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.cursor import (
    NameCursor,
    decode_hit_cursor,
    decode_interaction_cursor,
    decode_log_cursor,
    decode_name_cursor,
    decode_search_cursor,
    decode_session_cursor,
    decode_span_cursor,
    encode_hit_cursor,
    encode_interaction_cursor,
    encode_log_cursor,
    encode_name_cursor,
    encode_search_cursor,
    encode_session_cursor,
    encode_span_cursor,
)
from query.moment import MAX_MOMENT_US
from storage.api import SearchCursor, SpanCursor
from storage.interaction_reader import HitCursor, InteractionCursor, SessionCursor
from storage.log_record import LogCursor
from tracedata import CallerError

DECODERS = [
    decode_search_cursor,
    decode_span_cursor,
    decode_name_cursor,
    decode_log_cursor,
    decode_interaction_cursor,
    decode_hit_cursor,
    decode_session_cursor,
]
SEARCH = SearchCursor(start_us=1, trace_id=b"\xff" * 16)


@given(start_us=st.integers(0, MAX_MOMENT_US), trace_id=st.binary(min_size=16, max_size=16))
def test_search_cursor_survives(start_us: int, trace_id: bytes) -> None:
    cursor = SearchCursor(start_us=start_us, trace_id=trace_id)
    assert decode_search_cursor(encode_search_cursor(cursor)) == cursor


@given(start=st.integers(0, 2**64 - 1), span_id=st.binary(min_size=8, max_size=8), tie=st.integers(-(2**63), 2**63 - 1))
def test_span_cursor_survives(start: int, span_id: bytes, tie: int) -> None:
    cursor = SpanCursor(start_time_unix_nano=start, span_id=span_id, tie=tie)
    assert decode_span_cursor(encode_span_cursor(cursor)) == cursor


@given(moment=st.integers(0, 2**64 - 1), tie=st.integers(-(2**63), 2**63 - 1))
def test_log_cursor_survives(moment: int, tie: int) -> None:
    cursor = LogCursor(moment_unix_nano=moment, tie=tie)
    assert decode_log_cursor(encode_log_cursor(cursor)) == cursor


@given(name=st.text(max_size=100), number=st.integers(-(2**31), 2**31 - 1))
def test_name_cursor_survives(name: str, number: int) -> None:
    cursor = NameCursor(name=name, number=number)
    assert decode_name_cursor(encode_name_cursor(cursor)) == cursor


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "text", ["", "A", "????", "é", "AAAA", "TgAAAAD_", "a" * 9_000, encode_search_cursor(SEARCH) + "AAAA"]
)
def test_refuses_what_it_did_not_write(decode: Callable[[str], object], text: str) -> None:
    with pytest.raises(CallerError, match="malformed cursor"):
        decode(text)


@pytest.mark.parametrize("decode", [decode_span_cursor, decode_name_cursor])
def test_refuses_the_cursor_of_another_list(decode: Callable[[str], object]) -> None:
    with pytest.raises(CallerError, match="malformed cursor"):
        decode(encode_search_cursor(SEARCH))


def test_refuses_a_moment_that_no_span_can_have() -> None:
    forged = encode_search_cursor(SearchCursor(start_us=MAX_MOMENT_US + 1, trace_id=bytes(16)))
    with pytest.raises(CallerError, match="malformed cursor"):
        decode_search_cursor(forged)


@pytest.mark.parametrize("decode", DECODERS)
@given(text=st.text(max_size=60))
def test_fails_in_no_other_way(decode: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(CallerError):
        decode(text)


def test_cursors_of_interactions_survive_the_round_trip() -> None:
    place = InteractionCursor(start_us=5, trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    assert decode_interaction_cursor(encode_interaction_cursor(place)) == place
    hit = HitCursor(rank=0.1, place=place)
    assert decode_hit_cursor(encode_hit_cursor(hit)) == hit
    session = SessionCursor(last_start_us=7, session_id="a/ü")
    assert decode_session_cursor(encode_session_cursor(session)) == session


@pytest.mark.parametrize("decode", [decode_interaction_cursor, decode_hit_cursor, decode_session_cursor])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        encode_interaction_cursor(InteractionCursor(start_us=2**64 - 1, trace_id=b"", span_id=b"")),
        encode_hit_cursor(HitCursor(rank=float("nan"), place=InteractionCursor(start_us=1, trace_id=b"", span_id=b""))),
        encode_session_cursor(SessionCursor(last_start_us=2**64 - 1, session_id="s")),
        encode_session_cursor(SessionCursor(last_start_us=1, session_id="a\0b")),
    ],
)
def test_malformed_cursors_of_interactions_are_refused(decode: Callable[[str], object], text: str) -> None:
    with pytest.raises(CallerError, match="malformed cursor"):
        decode(text)
