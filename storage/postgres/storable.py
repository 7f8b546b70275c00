"""What is left of a value that PostgreSQL would refuse, or that would not fit its column or an index."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

# Four bytes each at most, so that no index entry exceeds 2,704 bytes.
MAX_SHORT_CHARS = 255
INT2, INT4, INT8 = 2**15 - 1, 2**31 - 1, 2**63 - 1
# The last moment of timestamptz is later; nobody's clock is.
MAX_TIME_NS = 2**64 - 1
_DIGEST_CHARS = 16
_MAX_DEPTH = 64
_LOST = "\N{REPLACEMENT CHARACTER}"

_encode_json = msgspec.json.Encoder(order="sorted").encode


def stored_id(value: str) -> str:
    """An id as the table holds it: whole, or cut with a digest of the whole, so that long ones stay apart.

    Look for it in this form. Ids are those of responses, requests, users, sessions, organizations, decisions and rules.
    """
    if len(value) <= MAX_SHORT_CHARS:
        return storable(value)
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_CHARS // 2).hexdigest()
    return f"{storable(value[: MAX_SHORT_CHARS - _DIGEST_CHARS - 1])}~{digest}"


def mended(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - whatever a row or JSON holds
    """The same without what text and JSON in PostgreSQL cannot hold."""
    if isinstance(value, str):
        return storable(value).encode("utf-8", "replace").decode()
    if isinstance(value, Mapping | list | tuple) and depth == _MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {mended(key): mended(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mended(item, depth + 1) for item in value]
    return value


def mended_json(data: bytes) -> bytes:
    """JSON text that jsonb takes."""
    # It may be a backslash that is meant; then mending changes nothing.
    return _encode_json(mended(_decode_exactly(data))) if b"\\u0000" in data else data


def _decode_exactly(data: bytes) -> object:
    """JSON as it is written: a double stays one, and is written again with the same digits."""
    found: object = msgspec.json.Decoder(float_hook=lambda digits: msgspec.Raw(digits.encode())).decode(data)
    return found


def storable(value: str) -> str:
    """A text without NUL."""
    return value.replace("\0", _LOST) if "\0" in value else value


def short(value: str) -> str:
    """A text that fits an index."""
    return storable(value[:MAX_SHORT_CHARS])


def number(value: int | None, most: int) -> int | None:
    """What does not fit its column is nonsense, and as good as unknown."""
    return value if value is not None and -most <= value <= most else None


def finite(value: float | None) -> float | None:
    """A number that JSON can say; none for another."""
    return value if value is not None and math.isfinite(value) else None
