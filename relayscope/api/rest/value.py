"""Times, ids and attribute values as the API writes them."""

import re
from datetime import UTC, datetime

from relayscope.api.rest.schema import KeyValue
from relayscope.otlp.value import any_value
from tracedata import Attributes, CallerError

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
