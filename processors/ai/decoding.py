"""Values as senders write them: native, as JSON, as JSON in JSON, or as what Python prints; numbers and truths as text.

Nothing here raises for bad data: what cannot be decoded stays what it is.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import TypeGuard

import msgspec

MAX_PRINTED_CHARS = 65_536
"""Longest text that is tried as Python's print-out of a value: that parser is slow, and hungry."""
MAX_COUNT = 2**31 - 1
# Python writes longer numbers only when it is asked to.
_MAX_BITS = 1_024

_DECODER = msgspec.json.Decoder()
_UNDECODABLE = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError)
_UNPRINTED = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
# What senders write when they have nothing to say.
ABSENT = frozenset({"", "None", "none", "null", "unknown", "undefined"})
_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def decoded(value: object) -> object:
    """What ``value`` says: a text that holds JSON (also twice encoded) or Python's print-out of a container is opened."""
    if value.__class__ is not str:
        return value
    text = str(value)
    opened = _opened(text)
    if opened.__class__ is str and opened is not text and str(opened)[:1] in {"{", "["}:
        return _opened(str(opened))
    return opened


def _opened(text: str) -> object:
    first = text[:1]
    if first.isspace():
        text = text.lstrip()
        first = text[:1]
    if first not in {"{", "[", '"', "("} or not first:
        return text
    try:
        opened: object = _DECODER.decode(text)
    except _UNDECODABLE:
        return _printed(text) if first != '"' else text
    return opened


def _printed(text: str) -> object:
    if len(text) > MAX_PRINTED_CHARS or text.rstrip()[-1:] not in {"}", "]", ")"}:
        return text
    try:
        return _as_json(ast.literal_eval(text))
    except _UNPRINTED:
        return text


def _as_json(value: object) -> object:
    """What Python printed in values that JSON has, too: keys are texts, and no text is half a character."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(_as_json(key)): _as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    if isinstance(value, set):
        # It has another order in every process.
        return sorted((_as_json(one) for one in value), key=repr)
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return hex(value)
    return value if value is None or isinstance(value, int | float | bytes) else str(value)


def inside(value: object, steps: Sequence[str]) -> object:
    """What stands below ``value`` at ``steps``: keys of maps, or positions in arrays; None when nothing does."""
    for step in steps:
        if isinstance(value, str):
            value = decoded(value)
        if is_map(value):
            value = value.get(step)
        elif is_array(value) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def is_array(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


def is_map(value: object) -> TypeGuard[Mapping[str, object]]:
    """Whether ``value`` has keys; nearly all that do are plain dicts, which are known quicker than all mappings are."""
    return value.__class__ is dict or isinstance(value, Mapping)


def as_text(value: object) -> str:
    """A plain value as text; the empty string for what is absent, and for what has parts."""
    if value.__class__ is str:
        text = str(value)
        if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
            inner = _opened(text)
            text = inner if isinstance(inner, str) else text
        return "" if text in ABSENT else text
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int | float):
        return _written(value)
    return ""


def as_count(value: object) -> int | None:
    """A number of tokens: whole, not negative, and one that a column holds; else None."""
    if value.__class__ is int:
        return int(value) if 0 <= value <= MAX_COUNT else None
    number = as_number(value)
    if number is None or not 0 <= number <= MAX_COUNT or number != int(number):
        return None
    return int(number)


def as_number(value: object) -> float | None:
    """A finite number, also when it comes as text or as a wrapped protobuf value; else None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, Mapping):
        value = value.get("intValue", value.get("doubleValue"))
    if isinstance(value, str):
        try:
            value = float(value.strip().strip('"'))
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def as_truth(value: object) -> bool | None:
    """A truth, also when it comes as text; None when it is none."""
    if isinstance(value, bool):
        return value
    return _TRUTHS.get(value.strip().strip('"').casefold()) if isinstance(value, str) else None


def printed(value: object) -> str:
    """Any value as text: a text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (TypeError, ValueError, RecursionError, UnicodeError):
        return _written(value)


def _written(value: object) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):
        # A number of thousands of digits, or what is too deep.
        return ""
