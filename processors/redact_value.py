"""What of a value is text: numbers as a sender would write them, bytes as characters."""

from __future__ import annotations

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
