"""What of a value is text: numbers as a sender would write them, bytes as characters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tracedata import Value

# Smaller numbers have too few digits to be somebody's.
SMALLEST = 1_000_000
_LARGEST = 10**25


def digits_of(number: float) -> str:
    """A number as a sender would write it; empty when it has too few digits, or a fraction."""
    # A boolean is one or zero, and so too small.
    if not SMALLEST <= abs(number) < _LARGEST or number % 1:
        return ""
    return str(int(number))


def text_of(data: bytes) -> str:
    """Bytes as text. What is no text may still hold some, and every byte stands for one character then."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def bytes_of(text: str, before: bytes) -> bytes:
    try:
        before.decode()
    except UnicodeDecodeError:
        return text.encode("latin-1", "replace")
    return text.encode(errors="replace")


def said(value: float | bytes | Sequence[Value] | Mapping[str, Value]) -> str:
    """A value that goes whole as a text, by which it can be joined and read back; arrays and maps as JSON."""
    if isinstance(value, bytes):
        return text_of(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What JSON has no form for, as what it has one for."""
    if isinstance(value, bytes):
        return text_of(value)
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, Sequence) else str(value)
