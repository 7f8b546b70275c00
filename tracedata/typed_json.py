"""Typed attribute values as JSON and back, without loss: how they stand in PostgreSQL's jsonb.

Strings, booleans and the empty value are themselves. An integer is a number without a fraction, a double always
one with a fraction (jsonb keeps ``1.0`` apart from ``1``), so both can be compared as numbers in SQL. What JSON cannot say
is an object with one key: ``{"$bytes": "<base64>"}``, ``{"$double": "NaN" | "Infinity" | "-Infinity" | "-0"}``, and
``{"$map": {...}}`` around a sender's map that has a single key starting with ``$``. See docs/adr/0006.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from tracedata.span import Attributes, Value

# From here on msgspec writes doubles with an exponent, from which jsonb would make an integer.
_EXPONENT_FROM = 1e15
_BYTES, _DOUBLE, _MAP = "$bytes", "$double", "$map"
_TAG_MARK = b'"$'
_DOUBLES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0": -0.0}

# jsonb forgets the order of keys, so what is computed from this text must not depend on it.
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


def encode_attributes(attributes: Attributes) -> bytes:
    """JSON text of an attribute map, ready for jsonb, the same for any order of keys. Keys stay as they are: only values are tagged."""
    for value in attributes.values():
        if type(value) in _NATIVE or (type(value) is float and _is_plain(value)):
            continue
        return _encode({key: to_json(item) for key, item in attributes.items()})
    return _encode(attributes if type(attributes) is dict else dict(attributes))


def encode_value(value: Value) -> bytes:
    """JSON text of one value, ready for jsonb."""
    return _encode(value if type(value) in _NATIVE else to_json(value))


def decode_value(data: bytes | None) -> Value:
    """The inverse of ``encode_value``; no data is the empty value."""
    if data is None:
        return None
    found: Value = _decode(data)
    return from_json(found) if _TAG_MARK in data else found


_NATIVE = frozenset((str, int, bool, type(None)))


def _is_plain(value: float) -> bool:
    return -_EXPONENT_FROM < value < _EXPONENT_FROM and (value != 0.0 or math.copysign(1.0, value) > 0)


def to_json(value: Value) -> object:
    """The JSON value that stands for ``value``."""
    if isinstance(value, float):
        return _double_to_json(value)
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        members = {key: to_json(item) for key, item in value.items()}
        return {_MAP: members} if len(members) == 1 and next(iter(members)).startswith("$") else members
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(item) for item in value]
    return value


def _double_to_json(value: float) -> object:
    if _is_plain(value):
        return value
    if math.isfinite(value) and value != 0.0:
        digits = format(Decimal(repr(value)), "f")
        return msgspec.Raw((digits if "." in digits else f"{digits}.0").encode())
    return {_DOUBLE: _double_name(value)}


def _double_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return "-0"


def decode_attributes(data: bytes | None) -> Attributes:
    """The inverse of ``encode_attributes``; no data is the empty map."""
    if data is None:
        return {}
    found: dict[str, Value] = _decode(data)
    if _TAG_MARK not in data:
        return found
    return {key: from_json(item) for key, item in found.items()}


def from_json(value: Value) -> Value:
    """The inverse of ``to_json``, for JSON that was decoded already."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (key, item), *_ = value.items()
        if key == _BYTES and isinstance(item, str):
            return base64.b64decode(item)
        if key == _DOUBLE and isinstance(item, str):
            return _DOUBLES[item]
        if key == _MAP and isinstance(item, dict):
            return {name: from_json(member) for name, member in item.items()}
    return {name: from_json(member) for name, member in value.items()}
