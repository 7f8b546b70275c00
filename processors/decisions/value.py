"""Values as decisions hold them: what JSON can say, and PostgreSQL can hold. Nothing here raises for bad data."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping

import msgspec

from processors.ai.decoding import as_text, is_array, printed
from tracedata import Value

MAX_ID_CHARS = 512
MAX_DEPTH = 64
_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=str)
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError)
_UNPRINTABLE = (TypeError, ValueError, RecursionError, UnicodeError)
# PostgreSQL's text cannot hold what this says, so such a text is left as it came.
_NUL = "\\u0000"
_MAX_INTEGER = 2**63 - 1


def read(value: object) -> Value:
    """The value; a text with JSON in it is what the JSON says, any other stays a text."""
    if not isinstance(value, str):
        return plain(value)
    if _NUL in value:
        return value
    try:
        opened: object = _DECODER.decode(value)
    except _UNDECODABLE:
        return value
    return plain(opened) if _is_shallow(opened) else value


def plain(value: object, depth: int = 0) -> Value:
    """The value as JSON has it: bytes in base64, numbers that JSON lacks as text, and what is too deep as text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if depth >= MAX_DEPTH:
        return printed(value)
    if isinstance(value, Mapping):
        return {str(key): plain(one, depth + 1) for key, one in value.items()}
    return [plain(one, depth + 1) for one in value] if is_array(value) else str(value)


def _is_shallow(value: object, depth: int = 0) -> bool:
    if depth >= MAX_DEPTH:
        return False
    if isinstance(value, dict):
        return all(_is_shallow(one, depth + 1) for one in value.values())
    return all(_is_shallow(one, depth + 1) for one in value) if isinstance(value, list) else True


def identifier(value: object) -> str:
    """A short text as an index can hold it: a longer one ends in what it is told apart by. Empty for what is no plain value."""
    text = value.hex() if isinstance(value, bytes) else str(value) if isinstance(value, bool) else as_text(value)
    text = text.strip()
    if len(text) <= MAX_ID_CHARS:
        return text
    return f"{text[: MAX_ID_CHARS - 33]}~{digest(text)}"


def whole_number(value: float | None) -> int | None:
    """A number without a fraction that a column holds."""
    if value is None or value != int(value) or abs(value) > _MAX_INTEGER:
        return None
    return int(value)


def encoded(value: object) -> bytes:
    """The same bytes for the same value."""
    try:
        return _ENCODER.encode(value)
    except _UNPRINTABLE:
        return repr(value).encode(errors="replace")


def digest(value: object) -> str:
    """What a value is told apart by, in 32 digits."""
    return hashlib.blake2b(encoded(value), digest_size=16).hexdigest()
