"""How many objects a request would become, known from its bytes before any of them exists.

A message of protobuf can be as short as two bytes, and an object of JSON as ``{}``, while what they decode to takes
hundreds: 20 KB of gzip become ten million objects. The count is made in steps that get dearer, each only when the one
before could not clear the request: see docs/adr/0008-count-before-decoding.md.

Sources: https://protobuf.dev/programming-guides/encoding/ and opentelemetry/proto/{trace,logs}/v1/*.proto.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec
from google.protobuf.descriptor import Descriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from receiver.error import DecodeFailedError, TooLargeError

DEFAULT_MAX_OBJECTS = 1_250_000
"""A little more than 20 MiB of spans with twelve short attributes hold."""

# Tag and length, one byte each, or the two braces.
_MIN_OBJECT_BYTES = 2
_WINDOW_BYTES = 1 << 16
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5

# From the number of a field to the type of the messages in it.
_Type: TypeAlias = "dict[int, _Type]"


def _type_of(message: Descriptor, known: dict[str, _Type]) -> _Type:
    if message.full_name not in known:
        found = known[message.full_name] = {}
        for field in message.fields:
            if field.message_type is not None:
                found[field.number] = _type_of(field.message_type, known)
    return known[message.full_name]


def _first_bytes(types: dict[str, _Type]) -> bytes:
    """Every byte that the tag of a message can begin with: numbers below 16 fit into one, or into a padded varint."""
    numbers = {number for fields in types.values() for number in fields}
    tags = {number << 3 | _LENGTH_DELIMITED for number in numbers}
    return bytes(sorted(tags | {tag | 0x80 for tag in tags}))


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the bytes of a request its messages are."""

    fields: _Type
    first_bytes: bytes
    malformed: str


def layout_of(request: Descriptor) -> Layout:
    """The layout of a request message of OTLP."""
    types: dict[str, _Type] = {}
    fields = _type_of(request, types)
    return Layout(fields=fields, first_bytes=_first_bytes(types), malformed=malformed(request.name))


def malformed(request: str) -> str:
    """What a sender is told whose bytes are no request of that name."""
    return f"The request is not a protobuf {request}."


TRACES: Final = layout_of(ExportTraceServiceRequest.DESCRIPTOR)
LOGS: Final = layout_of(ExportLogsServiceRequest.DESCRIPTOR)

# Everything up to the next brace that is not text. The quantifiers give nothing back, so no memory is taken by them.
_UP_TO_BRACE: Final = re.compile(rb'(?:[^"{]++|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z))*+', re.DOTALL)


def check_protobuf(data: bytes, max_objects: int, layout: Layout = TRACES) -> None:
    """Passes a request of at most ``max_objects`` messages.

    Raises:
        TooLargeError: there are more.
        DecodeFailedError: it is so large that it had to be looked at, and it is no such message.
    """
    if len(data) <= max_objects * _MIN_OBJECT_BYTES or _possible_tags(data, layout.first_bytes) <= max_objects:
        return
    if _exceeds(data, max_objects, layout):
        raise _too_many(max_objects)


def check_json(data: bytes, max_objects: int) -> None:
    """Passes JSON of at most ``max_objects`` objects.

    Raises:
        TooLargeError: there are more.
    """
    if len(data) <= max_objects * _MIN_OBJECT_BYTES or data.count(b"{") <= max_objects:
        return
    found, place = 0, 0
    while found <= max_objects:
        match = _UP_TO_BRACE.match(data, place)
        if match is None or match.end() >= len(data):
            return
        found, place = found + 1, match.end() + 1
    raise _too_many(max_objects)


def _too_many(max_objects: int) -> TooLargeError:
    return TooLargeError(f"The request holds more than {max_objects} objects.")


def _possible_tags(data: bytes, first_bytes: bytes) -> int:
    """No fewer than there are messages: the bytes that could begin one, in text and numbers too."""
    found = 0
    for start in range(0, len(data), _WINDOW_BYTES):
        window = data[start : start + _WINDOW_BYTES]
        found += len(window) - len(window.translate(None, first_bytes))
    return found


def _exceeds(data: bytes, max_objects: int, layout: Layout) -> bool:  # noqa: C901, PLR0912  # One loop, without a call per field.
    """Walks from message to message without making any, and stops at the first one that is too many."""
    found = 0
    pending = [(0, len(data), layout.fields)]
    try:
        while pending:
            place, end, fields = pending.pop()
            while place < end:
                tag = data[place]
                place += 1
                if tag > 0x7F:
                    tag, place = _varint(data, place - 1)
                wire_type = tag & 7
                if wire_type == _LENGTH_DELIMITED:
                    size = data[place]
                    place += 1
                    if size > 0x7F:
                        size, place = _varint(data, place - 1)
                    inner = fields.get(tag >> 3)
                    if inner is not None:
                        found += 1
                        if found > max_objects:
                            return True
                        if size:
                            pending.append((place, place + size, inner))
                    place += size
                elif wire_type == _VARINT:
                    while data[place] > 0x7F:
                        place += 1
                    place += 1
                elif wire_type == _FIXED64:
                    place += 8
                elif wire_type == _FIXED32:
                    place += 4
                else:
                    # Groups, which OTLP has none of, could hide what is in them.
                    raise DecodeFailedError(layout.malformed)
            if place > end:
                raise DecodeFailedError(layout.malformed)
    except (IndexError, OverflowError):
        raise DecodeFailedError(layout.malformed) from None
    return False


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins at ``place``, and where the next thing begins."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            # Decoders drop what exceeds 32 bits of a tag or a length, or refuse it; what is refused needs no count.
            return number, place
        shift += 7
        if shift > 63:
            # No number of protobuf is longer.
            raise OverflowError
