"""Ids of spans: which are valid, how they are read from OTLP/JSON; and the classes of what is wrong.

Source: https://www.w3.org/TR/trace-context/#trace-id and the comments of trace.proto: an id of the wrong length, or of
zeros only, is invalid.
"""

from __future__ import annotations

INVALID_TRACE_ID = "invalid_trace_id"
INVALID_SPAN_ID = "invalid_span_id"
MALFORMED_SPAN = "malformed_span"
INVALID_PARENT = "invalid_parent_span_id"

_ZERO_TRACE_ID = bytes(16)
_ZERO_SPAN_ID = bytes(8)


def rejection(trace_id: bytes, span_id: bytes) -> str | None:
    """The reason class for which a span with these ids is left out, or nothing."""
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE_ID:
        return INVALID_TRACE_ID
    if len(span_id) != 8 or span_id == _ZERO_SPAN_ID:
        return INVALID_SPAN_ID
    return None


def parent_id(sent: bytes) -> bytes | None:
    """The parent's id, empty for a root; nothing when it is invalid.

    Senders write a missing parent as zeros. A parent id of any other length can point nowhere; the span itself is
    sound, so it is kept as a root, and marked, rather than rejected.
    """
    if not sent or sent == _ZERO_SPAN_ID:
        return b""
    return sent if len(sent) == 8 else None


def parent_id_from_hex(text: str | None) -> bytes | None:
    """The same for an id in hexadecimal digits."""
    return parent_id(id_from_hex(text) or b"?") if text else b""


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
