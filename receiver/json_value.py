"""What messages of OTLP/JSON are made of: values, attributes, enums, and how what the library does not know is read.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding and https://protobuf.dev/programming-guides/json/:
names in lowerCamelCase, ids in hexadecimal, 64-bit integers as strings or numbers, doubles as numbers or strings,
enums as numbers (names are taken too), ``null`` for a field that is not set, unknown fields ignored.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec

from tracedata import Value

MAX_DEPTH = 64
"""Levels of ``AnyValue`` in an attribute; a plain value is one level. What is below is cut."""

_URL_SAFE = str.maketrans("-_", "+/")


class EnumNumber(int):
    """An enum, given as number or name; subclasses know the names."""

    names: ClassVar[Mapping[str, int]] = {}


class JsonBytes(bytes):
    """Bytes, given in either alphabet of base64, padded or not."""


class JsonMessage(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """The wire's messages: every member can be missing or null."""


class ArrayMessage(JsonMessage):
    """``ArrayValue``."""

    values: list[AnyMessage] | None = None


class MapMessage(JsonMessage):
    """``KeyValueList``."""

    values: list[PairMessage] | None = None


class AnyMessage(JsonMessage):
    """``AnyValue``."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | None = None
    array_value: ArrayMessage | None = None
    kvlist_value: MapMessage | None = None
    bytes_value: JsonBytes | None = None


class PairMessage(JsonMessage):
    """``KeyValue``."""

    key: str | None = None
    value: AnyMessage | None = None


class Attributed(JsonMessage):
    """A message with attributes."""

    attributes: list[PairMessage] | None = None
    dropped_attributes_count: int | None = None


def read_special(wanted: type, sent: object) -> object:
    """The hook of decoders for ``JsonBytes`` and ``EnumNumber``."""
    if wanted is JsonBytes:
        return JsonBytes(_base64(sent))
    if issubclass(wanted, EnumNumber):
        return wanted(_enum(sent, wanted.names))
    raise NotImplementedError(wanted)


def _base64(sent: object) -> bytes:
    if not isinstance(sent, str):
        raise TypeError("Expected base64 in a string")
    text = sent.translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("Expected base64") from None


def _enum(sent: object, names: Mapping[str, int]) -> int:
    if isinstance(sent, str):
        if sent in names:
            return names[sent]
        if sent.isascii() and sent.isdecimal() and len(sent) < 19:
            return int(sent)
    if isinstance(sent, int) and not isinstance(sent, bool):
        return sent
    raise ValueError(f"Expected a number or one of {', '.join(names)}")


def attributes_of(pairs: Iterable[PairMessage] | None, depth: int = 1) -> dict[str, Value]:
    """Attributes; the last value of a key that comes twice."""
    return {pair.key or "": value_of(pair.value, depth) for pair in pairs or ()}


def value_of(message: AnyMessage | None, depth: int = 1) -> Value:
    """A value; nothing in place of what is too deep."""
    # One level more than is stored, so that sanitising sees that there was more, and marks it.
    if message is None or depth > MAX_DEPTH:
        return None
    for scalar in (message.string_value, message.bool_value, message.int_value, message.double_value):
        if scalar is not None:
            return scalar
    if message.array_value is not None:
        return [value_of(item, depth + 1) for item in message.array_value.values or ()]
    if message.kvlist_value is not None:
        return attributes_of(message.kvlist_value.values, depth + 1)
    return None if message.bytes_value is None else bytes(message.bytes_value)
