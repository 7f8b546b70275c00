"""Trace and span ids as Jaeger's clients write and read them."""

from __future__ import annotations

import base64
import binascii
import re

from tracedata import CallerError

_TRACE_ID_BYTES = 16
_HALF_ID_BYTES = 8
_HALF_ID_CHARS = 2 * _HALF_ID_BYTES
_HEX = re.compile(r"[0-9a-fA-F]{1,32}", re.ASCII)
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]+={0,2}", re.ASCII)
_MAX_BASE64_CHARS = 24
_TO_STANDARD = str.maketrans("-_", "+/")
_ZERO_HALF = "0" * _HALF_ID_CHARS


def parse_trace_id(text: str) -> bytes:
    """The 16 bytes of 1 to 32 hex digits of any case, padded on the left; else of base64 with 16 or 8 bytes.

    Raises:
        CallerError: the text is neither.
    """
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.rjust(2 * _TRACE_ID_BYTES, "0"))
    if len(text) <= _MAX_BASE64_CHARS and _BASE64.fullmatch(text):
        decoded = _decode_base64(text)
        if len(decoded) in (_TRACE_ID_BYTES, _HALF_ID_BYTES):
            return decoded.rjust(_TRACE_ID_BYTES, b"\0")
    raise CallerError("invalid trace ID, expecting 1 to 32 hex characters")


def _decode_base64(text: str) -> bytes:
    body = text.rstrip("=").translate(_TO_STANDARD)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except binascii.Error:
        return b""


def format_trace_id(trace_id: bytes) -> str:
    """32 hex digits, or 16 when the high half is zero; ids of links may be shorter and are padded."""
    digits = trace_id.hex().rjust(2 * _TRACE_ID_BYTES, "0")
    return digits[_HALF_ID_CHARS:] if digits.startswith(_ZERO_HALF) else digits


def format_span_id(span_id: bytes) -> str:
    """16 hex digits."""
    return span_id.hex().rjust(_HALF_ID_CHARS, "0")
