"""Numbers, durations, strings and names as a query writes them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from query.traceql.word import MAX_INT, MIN_INT

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 7 * 86_400_000_000_000,
    "y": 365 * 86_400_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([a-zµμ]+)")
_INTEGER = re.compile(r"\d+")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_NAME_PART = re.compile(r'"((?:\\.|[^"\\])*)"|[^"]+', re.DOTALL)
_NAME_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MAX_CHARS = 64
_MAX_CODE_POINT = 0x10FFFF


class Numeral(NamedTuple):
    """A number; of a duration, its nanoseconds."""

    value: int | float
    is_whole: bool
    is_duration: bool = False


def numeral(text: str) -> Numeral | None:
    """The number or duration; None when it is out of range."""
    if len(text) > _MAX_CHARS:
        return None
    if _INTEGER.fullmatch(text):
        whole = int(text)
        return Numeral(whole, is_whole=True) if MIN_INT <= whole <= MAX_INT else None
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        length = int(sum((Decimal(number) * _UNIT_NS[unit] for number, unit in parts), start=Decimal()))
        return Numeral(length, is_whole=False, is_duration=True) if length <= MAX_INT else None
    value = float(text)
    return Numeral(value, is_whole=False) if value < float("inf") else None


def string(text: str) -> str | None:
    """What a string in quotes or backticks says, with Go's escapes; None when PostgreSQL could not hold it."""
    if text.startswith("`"):
        return _storable(text[1:-1].replace("\r", ""))
    found: list[str] = []
    position = 0
    body = text[1:-1]
    for escape in _ESCAPE.finditer(body):
        character = _unescaped(escape[1])
        if character is None:
            return None
        found += [body[position : escape.start()], character]
        position = escape.end()
    return _storable("".join(found) + body[position:])


def attribute_name(text: str) -> str | None:
    """The name of an attribute, parts of which may stand in quotes; None when an escape is not understood."""
    found: list[str] = []
    for part in _NAME_PART.finditer(text):
        if part[1] is None:
            found.append(part[0])
            continue
        if any(escaped not in ('"', "\\") for escaped in _NAME_ESCAPE.findall(part[1])):
            return None
        found.append(_NAME_ESCAPE.sub(r"\1", part[1]))
    return _storable("".join(found))


def _unescaped(escape: str) -> str | None:
    if escape in _PLAIN:
        return _PLAIN[escape]
    if len(escape) < 3:
        return None
    code = int(escape, 8) if escape.isdigit() else int(escape[1:], 16)
    # A byte above ASCII would be a part of a character only.
    limit = 0x7F if escape[0] not in "uU" else _MAX_CODE_POINT
    return chr(code) if code <= limit else None


def _storable(text: str) -> str | None:
    return None if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text) else text
