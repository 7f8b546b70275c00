"""Attribute values in OTLP/JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping

from tracedata import Value


def any_value(value: Value) -> dict[str, object]:
    """A value as OTLP/JSON's AnyValue: the type survives, so 1 is not 1.0 and bytes are not text. The empty value is ``{}``.

    Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    if value is None:
        return {}
    if isinstance(value, (bool, int, float, str, bytes)):
        return _scalar(value)
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": [{"key": key, "value": any_value(item)} for key, item in value.items()]}}
    return {"arrayValue": {"values": [any_value(item) for item in value]}}


def _scalar(value: bool | float | str | bytes) -> dict[str, object]:  # noqa: FBT001 - one of OTLP's types
    if isinstance(value, str):
        return {"stringValue": value}
    # A boolean is an integer to Python.
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": _double(value)}
    return {"bytesValue": base64.b64encode(value).decode()}


def _double(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
