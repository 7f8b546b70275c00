"""Columns of flat exports: a name, a type, and where the value comes from."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from tracedata import Attributes, Value

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode

# ``time`` is Unix nanoseconds, ``json`` is JSON as text. Everything but ``text`` and ``json`` can be None.
ColumnType: TypeAlias = Literal["text", "json", "int64", "uint64", "float64", "bool", "time"]
CellValue: TypeAlias = "str | int | float | bool | None"


class Column(msgspec.Struct, Generic[_T], frozen=True):
    """One column of a table of ``_T``."""

    name: str
    type: ColumnType
    value: Callable[[_T], CellValue]


def plain_json(value: Value) -> str:
    """A value as JSON that everybody reads: bytes in base64; NaN and infinities as text."""
    return _encode(plain(value)).decode()


def plain(value: Value) -> Any:  # noqa: ANN401 - what JSON has
    """The same before it is text."""
    # Most values by far, told first because this runs once for each.
    if isinstance(value, (str, int)) or value is None:
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return value


def attributes_json(attributes: Attributes) -> str:
    """Attributes as one JSON object."""
    return plain_json(attributes) if attributes else "{}"


def struct_json(value: object) -> str:
    """What msgspec knows, as JSON."""
    return _encode(value).decode()
