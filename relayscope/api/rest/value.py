"""Times, ids and attribute values as the API writes them."""

import base64
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from relayscope.api.rest.schema import KeyValue
from tracedata import Attributes, CallerError, Value

_NS_PER_S = 1_000_000_000
_TRACE_ID_CHARS = 32
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")


def iso_time(unix_nano: int) -> str:
    """ISO-8601 in UTC with all nine fraction digits."""
    seconds, nanoseconds = divmod(unix_nano, _NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def milliseconds(duration_ns: int) -> float:
    return duration_ns / 1_000_000


def parse_trace_id(text: str) -> bytes:
    """16 bytes from 1 to 32 hex digits of any case, padded on the left as Jaeger does.

    Raises:
        CallerError: it is not hex, or too long.
    """
    if not _TRACE_ID.fullmatch(text):
        raise CallerError("traceId: must be 1 to 32 hex digits")
    return bytes.fromhex(text.rjust(_TRACE_ID_CHARS, "0"))


def parse_span_id(text: str) -> bytes:
    """8 bytes from 16 hex digits of any case.

    Raises:
        CallerError: it is not hex, or of another length.
    """
    if not _SPAN_ID.fullmatch(text):
        raise CallerError("spanId: must be 16 hex digits")
    return bytes.fromhex(text)


def key_values(attributes: Attributes) -> list[KeyValue]:
    """Attributes as OTLP/JSON's list, in the order in which they are stored."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def any_value(value: Value) -> dict[str, object]:
    """A value as OTLP/JSON's AnyValue: the type survives, so 1 is not 1.0 and bytes are not text.

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
