"""Second chances for requests that decoders refuse, so that one bad value does not lose a whole batch.

Senders cut strings in the middle of a character: bytes that are not UTF-8 in protobuf
(https://github.com/open-telemetry/opentelemetry-specification/issues/3421), half a surrogate pair in JSON. They nest values
without end, and write numbers into JSON that it does not have. Decoders refuse the request for it. What is here runs only
after that, and is slow only for the spans that are at fault: the others are told from them by the decoder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableSequence, Sequence
from typing import Any, NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.error import DecodeFailedError
from tracedata import Attributes

# The mark that sanitising leaves too; see processors.sanitise.
REPAIRED_KEY = "relayscope.repaired"
_TOO_DEEP = b"<too deep>"
# The tags of the two fields that paths have.
_LENGTH_DELIMITED = {number: bytes([number << 3 | 2]) for number in (1, 2)}
_NOT_A_REQUEST = "The request is not a protobuf ExportTraceServiceRequest."
_INVALID_UTF8 = "invalid_utf8"
_LONE_SURROGATE = "lone_surrogate"
_NESTING_TOO_DEEP = "nesting_too_deep"
# The decoder takes messages within messages to this depth, the request being 0.
_MAX_MESSAGE_DEPTH = 100
# More brackets than the deepest value that is stored needs, and fewer than the decoder of JSON refuses.
_MAX_BRACKETS = 400
# The messages that have a mark, and are repaired one by one: the numbers of the fields that they are in, from within.
_PATHS = {
    resource_pb2.Resource.DESCRIPTOR.full_name: (1, 1),
    common_pb2.InstrumentationScope.DESCRIPTOR.full_name: (1, 2, 1),
    trace_pb2.Span.DESCRIPTOR.full_name: (2, 2, 1),
}

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


def marked(attributes: Attributes, reason: str) -> Attributes:
    """``attributes`` with a class of repair beside those that are told already."""
    known = attributes.get(REPAIRED_KEY)
    classes = {item for item in known if isinstance(item, str)} if isinstance(known, list) else set[str]()
    return {**attributes, REPAIRED_KEY: sorted(classes | {reason})}


def mended_json(data: bytes) -> bytes:
    """JSON that can be taken apart: no text in it is looked at yet.

    Its brackets are cut where they are too many; NaN and infinities are the strings that OTLP has for them; halves of
    surrogate pairs are bytes that are not UTF-8, which ``repaired_json`` knows.
    """
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
    return data.replace(_HALF, _REPLACEMENT).decode("utf-8", "replace").encode()


def repaired_protobuf(data: bytes) -> tuple[ExportTraceServiceRequest, int]:
    """The request with U+FFFD in place of bytes that are not UTF-8, and without what is nested too deep to be decoded.

    Spans, resources and scopes so repaired are marked. Spans that are no messages even so are left out, and so are the
    spans of such resources and scopes; their number is the second result.

    Raises:
        DecodeFailedError: something else is wrong with it, or no span is sound.
    """
    try:
        repaired, kept, dropped = _repaired_parts(_LOOSE.FromString(data))
        if dropped and not kept:
            raise DecodeFailedError(_NOT_A_REQUEST)
        return ExportTraceServiceRequest.FromString(repaired), dropped
    except DecodeError as exc:
        raise DecodeFailedError(_NOT_A_REQUEST) from exc


def _repaired_parts(request: Any) -> tuple[bytes, int, int]:  # noqa: ANN401  # Its class is made at run time.
    """The repaired request, how many spans are left in it, and how many are not."""
    kept = dropped = 0
    for resource_spans in request.resource_spans:
        resource_spans.schema_url = _text(resource_spans.schema_url)
        is_lost = bool(_mend(resource_spans.resource, _TWIN.resource))
        for scope_spans in resource_spans.scope_spans:
            sent = len(scope_spans.spans)
            if is_lost or not _mend_scope(scope_spans):
                scope_spans.Clear()
            kept += len(scope_spans.spans)
            dropped += sent - len(scope_spans.spans)
        if is_lost:
            resource_spans.Clear()
    return request.SerializeToString(), kept, dropped


def _mend_scope(scope_spans: Any) -> bool:  # noqa: ANN401  # Its class is made at run time.
    """Repairs what it can and leaves out other spans; false when the scope itself is beyond repair."""
    if _mend(scope_spans.scope, _TWIN.scope):
        return False
    scope_spans.schema_url = _text(scope_spans.schema_url)
    lost = _mend(scope_spans.spans, _TWIN.span)
    if lost:
        scope_spans.spans[:] = [span for place, span in enumerate(scope_spans.spans) if place not in lost]
    return True


def _mend(parts: MutableSequence[bytes], twin: type[Message]) -> set[int]:
    """Repairs those of the encoded ``parts`` that the decoder does not take; returns the places of what is no message."""
    path = _PATHS[twin.DESCRIPTOR.full_name]
    lost: set[int] = set()
    for place, part in enumerate(parts):
        if _is_sound(part, path):
            continue
        try:
            message = twin.FromString(part)
            _repair(message, len(path))
        except DecodeError:
            lost.add(place)
            continue
        parts[place] = message.SerializeToString()
        if not _is_sound(parts[place], path):
            lost.add(place)
    return lost


def _is_sound(part: bytes, path: Sequence[int]) -> bool:
    # Where it belongs, since its depth counts from the request.
    for number in path:
        part = _LENGTH_DELIMITED[number] + _varint(len(part)) + part
    try:
        ExportTraceServiceRequest.FromString(part)
    except DecodeError:
        return False
    return True


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _text(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


def _repair(message: Message, depth: int) -> set[str]:
    """Repairs in place; returns the classes of repairs in what has no mark of its own."""
    classes: set[str] = set()
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            children = [value] if isinstance(value, Message) else value
            for child in children:
                classes |= _repair(child, depth + 1)
        elif field.full_name in _TWIN.strings:
            text = _text(value)
            if text != value:
                setattr(message, field.name, text)
                classes.add(_INVALID_UTF8)
        elif field.full_name in _TWIN.nested:
            classes |= _repair_nested(message, field, depth)
    if classes and message.DESCRIPTOR.full_name in _PATHS:
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

    resource: type[Message]
    scope: type[Message]
    span: type[Message]
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
        resource=kind(resource_pb2.Resource.DESCRIPTOR),
        scope=kind(common_pb2.InstrumentationScope.DESCRIPTOR),
        span=kind(trace_pb2.Span.DESCRIPTOR),
        array=array,
        strings=frozenset(names),
        nested={
            f"{value}.array_value": (array, 2),
            f"{value}.kvlist_value": (kind(common_pb2.KeyValueList.DESCRIPTOR), 3),
        },
    )


def _loose() -> type[Message]:
    """The request with its resources, scopes and spans left encoded. They are repeated, so nothing that comes twice is lost."""
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            for field in message.field:
                if message.name in ("ResourceSpans", "ScopeSpans") and field.name != "scope_spans":
                    _leave_encoded(field)
        pool.Add(file)
    name = ExportTraceServiceRequest.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _leave_encoded(field: FieldDescriptorProto) -> None:
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        field.label = FieldDescriptorProto.LABEL_REPEATED
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")


_TWIN = _twin()
_LOOSE = _loose()
