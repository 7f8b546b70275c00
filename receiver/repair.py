"""Second chances for requests that decoders refuse, so that one bad value does not lose a whole batch.

Senders cut strings in the middle of a character: bytes that are not UTF-8 in protobuf
(https://github.com/open-telemetry/opentelemetry-specification/issues/3421), half a surrogate pair in JSON. They nest values
without end, and write numbers into JSON that it does not have. Decoders refuse the request for it. What is here is slow
and runs only after that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.error import DecodeFailedError

# Repairing takes microseconds a field. Batches of honest senders are far below this size.
_MAX_BYTES = 4 * 1024 * 1024

# The mark that sanitising leaves too; see processors.sanitise.
REPAIRED_KEY = "relayscope.repaired"
_TOO_DEEP = b"<too deep>"
_NOT_A_REQUEST = "The request is not a protobuf ExportTraceServiceRequest."
_INVALID_UTF8 = "invalid_utf8"
_LONE_SURROGATE = "lone_surrogate"
_NESTING_TOO_DEEP = "nesting_too_deep"
# The decoder takes messages within messages to this depth, the request being 0.
_MAX_MESSAGE_DEPTH = 100
# More brackets than the deepest value that is stored needs, and fewer than the decoder of JSON refuses.
_MAX_BRACKETS = 400
_MARKED = frozenset(
    descriptor.full_name
    for descriptor in (
        trace_pb2.Span.DESCRIPTOR,
        resource_pb2.Resource.DESCRIPTOR,
        common_pb2.InstrumentationScope.DESCRIPTOR,
    )
)

# An escape of JSON: a surrogate pair, half of one, or any other. Matching all of them keeps an escaped backslash before
# a "u" from being taken for an escape.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# Half of a surrogate pair as UTF-8 would have it, if it had any.
_HALF = b"\xed\xa0\x80"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}".encode()
_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
_UP_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|%s)*+' % _TEXT, re.DOTALL)
_NO_NUMBER = re.compile(rb"%s|-?Infinity|NaN" % _TEXT, re.DOTALL)


def mended_json(data: bytes) -> bytes:
    """JSON that can be taken apart: no text in it is looked at yet.

    Its brackets are cut where they are too many; NaN and infinities are the strings that OTLP has for them; halves of
    surrogate pairs are bytes that are not UTF-8, which ``repaired_json`` knows.
    """
    if len(data) > _MAX_BYTES:
        return data
    numbers = _NO_NUMBER.sub(
        lambda match: match[0] if match[0][:1] == b'"' else b'"%s"' % match[0], _cut_brackets(data)
    )
    return _ESCAPE.sub(_half_as_bytes, numbers)


def _cut_brackets(data: bytes) -> bytes:
    """Leaves an empty pair in place of what is nested too deep."""
    kept: list[bytes] = []
    depth, place, start = 0, 0, 0
    while True:
        match = _UP_TO_BRACKET.match(data, place)
        place = match.end() if match else len(data)
        bracket = data[place : place + 1]
        if not bracket:
            kept.append(data[start:])
            return b"".join(kept)
        place += 1
        if bracket in b"[{":
            depth += 1
            if depth == _MAX_BRACKETS:
                kept.append(data[start:place])
        else:
            depth -= 1
            if depth == _MAX_BRACKETS - 1:
                start = place - 1


def _half_as_bytes(match: re.Match[bytes]) -> bytes:
    return _HALF if match[1] else match[0]


def text_fault(data: bytes) -> str:
    """The class of what ``repaired_json`` repairs in ``data``."""
    return _LONE_SURROGATE if _HALF in data else _INVALID_UTF8


def repaired_json(data: bytes) -> bytes:
    """JSON with U+FFFD in place of bytes that are not UTF-8, and of what ``mended_json`` made of halves."""
    if len(data) > _MAX_BYTES:
        return data
    return data.replace(_HALF, _REPLACEMENT).decode("utf-8", "replace").encode()


def repaired_protobuf(data: bytes) -> bytes:
    """The request with U+FFFD in place of bytes that are not UTF-8, and without what is nested too deep to be decoded.

    Spans, resources and scopes so repaired are marked.

    Raises:
        DecodeFailedError: something else is wrong with it.
    """
    if len(data) > _MAX_BYTES:
        raise DecodeFailedError(_NOT_A_REQUEST)
    try:
        request = _TWIN.request.FromString(data)
        _repair(request, 0)
    except DecodeError as exc:
        raise DecodeFailedError(_NOT_A_REQUEST) from exc
    return request.SerializeToString()


def _repair(message: Message, depth: int) -> set[str]:
    """Repairs in place; returns the classes of repairs in what has no mark of its own."""
    classes: set[str] = set()
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            children = [value] if isinstance(value, Message) else value
            for child in children:
                classes |= _repair(child, depth + 1)
        elif field.full_name in _TWIN.strings:
            text = value.decode("utf-8", "replace").encode()
            if text != value:
                setattr(message, field.name, text)
                classes.add(_INVALID_UTF8)
        elif field.full_name in _TWIN.nested:
            classes |= _repair_nested(message, field, depth)
    if classes and message.DESCRIPTOR.full_name in _MARKED:
        _mark(message, classes)
        return set()
    return classes


def _repair_nested(message: Message, field: FieldDescriptor, depth: int) -> set[str]:
    """Repairs an array or a map in ``message``, a value; what could not be decoded becomes text."""
    kind, levels = _TWIN.nested[field.full_name]
    if depth + levels > _MAX_MESSAGE_DEPTH:
        message.string_value = _TOO_DEEP  # type: ignore[attr-defined]  # Made at run time, like all of the twin.
        return {_NESTING_TOO_DEEP}
    inner = kind.FromString(getattr(message, field.name))
    classes = _repair(inner, depth + 1)
    if classes:
        setattr(message, field.name, inner.SerializeToString())
    return classes


def _mark(message: Message, classes: set[str]) -> None:
    # The twin's classes are made at run time, so their members have no types.
    pair = message.attributes.add(key=REPAIRED_KEY.encode())  # type: ignore[attr-defined]
    marks = _TWIN.array()
    for one in sorted(classes):
        marks.values.add(string_value=one.encode())  # type: ignore[attr-defined]
    pair.value.array_value = marks.SerializeToString()


def _string_fields(file: FileDescriptorProto) -> list[tuple[str, FieldDescriptorProto]]:
    """The full name of each singular field of text, and the field. OTLP's traces have no repeated ones."""
    found: list[tuple[str, FieldDescriptorProto]] = []
    pending: list[tuple[str, DescriptorProto]] = [(file.package, message) for message in file.message_type]
    while pending:
        prefix, message = pending.pop()
        name = f"{prefix}.{message.name}"
        pending += [(name, nested) for nested in message.nested_type]
        found += [
            (f"{name}.{field.name}", field)
            for field in message.field
            if field.type == FieldDescriptorProto.TYPE_STRING and field.label != FieldDescriptorProto.LABEL_REPEATED
        ]
    return found


class _Twin(NamedTuple):
    """The messages in which text is bytes, and so are arrays and maps, which makes their depth ours to bound.

    ``nested`` has the class of such a member, and how many levels deeper the values in it are.
    """

    request: type[Message]
    array: type[Message]
    strings: frozenset[str]
    nested: Mapping[str, tuple[type[Message], int]]


def _twin() -> _Twin:
    pool = DescriptorPool()
    names: set[str] = set()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for name, field in _string_fields(file):
            field.type = FieldDescriptorProto.TYPE_BYTES
            names.add(name)
        for field in (field for message in file.message_type if message.name == "AnyValue" for field in message.field):
            if field.type == FieldDescriptorProto.TYPE_MESSAGE:
                field.type = FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
        pool.Add(file)

    def kind(descriptor: Descriptor) -> type[Message]:
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(descriptor.full_name))

    value = common_pb2.AnyValue.DESCRIPTOR.full_name
    array = kind(common_pb2.ArrayValue.DESCRIPTOR)
    return _Twin(
        request=kind(trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR),
        array=array,
        strings=frozenset(names),
        nested={
            f"{value}.array_value": (array, 2),
            f"{value}.kvlist_value": (kind(common_pb2.KeyValueList.DESCRIPTOR), 3),
        },
    )


_TWIN = _twin()
