from __future__ import annotations

import pytest

from relayscope.api.jaeger.identifier import format_span_id, format_trace_id, parse_trace_id
from tracedata import CallerError

FULL = bytes.fromhex("00112233445566778899aabbccddeeff")
# Its base64 has both characters in which the two alphabets differ.
TWISTED = bytes.fromhex("fbefbeffffff000102030405060708ff")
HALF = bytes(8) + bytes.fromhex("8899aabbccddeeff")


@pytest.mark.parametrize(
    ("text", "trace_id"),
    [
        pytest.param("00112233445566778899aabbccddeeff", FULL, id="hex"),
        pytest.param("00112233445566778899AABBccddeeff", FULL, id="any case"),
        pytest.param("8899aabbccddeeff", HALF, id="64 bits"),
        pytest.param("112233445566778899aabbccddeeff", FULL, id="leading zeros left out"),
        pytest.param("7", bytes(15) + b"\7", id="one digit"),
        pytest.param("ABEiM0RVZneImaq7zN3u/w==", FULL, id="base64"),
        pytest.param("ABEiM0RVZneImaq7zN3u/w", FULL, id="base64 without padding"),
        pytest.param("----____AAECAwQFBgcI/w==", TWISTED, id="base64 of both alphabets"),
        pytest.param("----____AAECAwQFBgcI_w", TWISTED, id="base64url without padding"),
        pytest.param("iJmqu8zd7v8=", HALF, id="base64 of 64 bits"),
    ],
)
def test_trace_ids_are_read(text: str, trace_id: bytes) -> None:
    assert parse_trace_id(text) == trace_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 33,
        "xyz",
        "-1",
        "+1",
        "0x1",
        " 1",
        "1\n",
        "1_0",
        "\u0661",
        "AAAA====",
        "é" * 11,
        "g" * 25,
    ],
)
def test_what_is_no_trace_id_is_the_callers_fault(text: str) -> None:
    with pytest.raises(CallerError, match="invalid trace ID"):
        parse_trace_id(text)


@pytest.mark.parametrize(
    ("trace_id", "text"),
    [
        pytest.param(FULL, "00112233445566778899aabbccddeeff", id="128 bits"),
        pytest.param(HALF, "8899aabbccddeeff", id="high half zero"),
        pytest.param(bytes(7) + b"\1" + bytes(8), "0000000000000001" + "0" * 16, id="low half zero"),
        pytest.param(bytes(16), "0" * 16, id="all zero"),
        pytest.param(b"", "0" * 16, id="a link's missing id"),
        pytest.param(b"\xab", "00000000000000ab", id="a link's short id"),
    ],
)
def test_trace_ids_are_16_digits_when_their_high_half_is_zero(trace_id: bytes, text: str) -> None:
    assert format_trace_id(trace_id) == text


@pytest.mark.parametrize(
    ("span_id", "text"),
    [(bytes.fromhex("00f067aa0ba902b7"), "00f067aa0ba902b7"), (b"\x0a", "000000000000000a"), (b"", "0" * 16)],
)
def test_span_ids_are_16_digits(span_id: bytes, text: str) -> None:
    assert format_span_id(span_id) == text
