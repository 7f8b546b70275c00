"""Ids of spans and log records: which are valid, how they are read from OTLP/JSON; and the classes of what is wrong.

Source: https://www.w3.org/TR/trace-context/#trace-id and the comments of trace.proto: an id of the wrong length, or of
zeros only, is invalid.
"""

from __future__ import annotations

INVALID_TRACE_ID = "invalid_trace_id"
INVALID_SPAN_ID = "invalid_span_id"
MALFORMED_SPAN = "malformed_span"
MALFORMED_LOG_RECORD = "malformed_log_record"
INVALID_PARENT = "invalid_parent_span_id"

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8

_ZERO_TRACE_ID = bytes(TRACE_ID_BYTES)
_ZERO_SPAN_ID = bytes(SPAN_ID_BYTES)


def rejection(trace_id: bytes, span_id: bytes) -> str | None:
    """The reason class for which a span with these ids is left out, or nothing."""
    if len(trace_id) != TRACE_ID_BYTES or trace_id == _ZERO_TRACE_ID:
        return INVALID_TRACE_ID
    if len(span_id) != SPAN_ID_BYTES or span_id == _ZERO_SPAN_ID:
        return INVALID_SPAN_ID
    return None


def optional_id(sent: bytes, size: int) -> bytes | None:
    """An id that need not be there: empty when it is not, nothing when it is invalid.

    Senders write a missing id as zeros. One of any other length can point nowhere; what has it is sound, so it is kept
    without it, and marked, rather than rejected.
    """
    if not sent or (len(sent) == size and not any(sent)):
        return b""
    return sent if len(sent) == size else None


def optional_id_from_hex(text: str | None, size: int) -> bytes | None:
    """The same for an id in hexadecimal digits."""
    return optional_id(id_from_hex(text) or b"?", size) if text else b""


def id_from_hex(text: str | None) -> bytes:
    """The bytes of an id in hexadecimal digits of any case; nothing when it is not that."""
    if not text:
        return b""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return b""
    # ``fromhex`` skips white space, which is not a digit.
    return raw if len(raw) * 2 == len(text) else b""
