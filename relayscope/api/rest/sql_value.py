"""PostgreSQL's text of a value as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import msgspec

Encoder: TypeAlias = Callable[[bytes], bytes]

_encode = msgspec.json.Encoder().encode
_TIME = re.compile(r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?")
_JSON_NUMBER = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
# A piece of an array: a quoted element, a plain one, or punctuation.
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^{},"]+)|([{},])', re.DOTALL)


def encoder_of(type_name: str) -> Encoder:
    """What makes JSON of the text of a value that is not NULL."""
    if type_name.endswith("[]"):
        return partial(_array, element=encoder_of(type_name[:-2]))
    return _ENCODERS.get(type_name, _text)


def _text(value: bytes) -> bytes:
    return _encode(value.decode())


def _number(value: bytes) -> bytes:
    """NaN and the infinities, which JSON does not have, stay text."""
    return value if _JSON_NUMBER.fullmatch(value) else _text(value)


def _boolean(value: bytes) -> bytes:
    return b"true" if value == b"t" else b"false"


def _json(value: bytes) -> bytes:
    return value


def _time(value: bytes) -> bytes:
    """ISO-8601. What has no such form, such as infinity, stays as PostgreSQL writes it."""
    text = value.decode()
    match = _TIME.fullmatch(text)
    return _encode(f"{match[1]}T{match[2]}{'Z' if match[3] else ''}" if match else text)


def _array(value: bytes, *, element: Encoder) -> bytes:
    """The literal of an array as a list, with lists in it when it has several dimensions."""
    text = value.decode()
    # Arrays that do not begin at 1 say so first.
    parts: list[bytes] = []
    for quoted, plain, mark in _PIECE.findall(text[text.index("{") :]):
        if mark:
            parts.append({"{": b"[", "}": b"]", ",": b","}[mark])
        elif plain:
            parts.append(b"null" if plain == "NULL" else element(plain.encode()))
        else:
            parts.append(element(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL).encode()))
    return b"".join(parts)


_ENCODERS: Mapping[str, Encoder] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid", "float4", "float8", "numeric"), _number),
    **dict.fromkeys(("json", "jsonb"), _json),
    **dict.fromkeys(("timestamptz", "timestamp"), _time),
    "bool": _boolean,
}
