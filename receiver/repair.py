"""Second chances for requests whose text is not Unicode, so that one bad string does not lose a whole batch.

Senders cut strings in the middle of a character: bytes that are not UTF-8 in protobuf
(https://github.com/open-telemetry/opentelemetry-specification/issues/3421), half a surrogate pair in JSON. Decoders refuse
the request for it. What is here is slow and runs only after that.
"""

from __future__ import annotations

import re

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
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
_REPAIRED_KEY = b"relayscope.repaired"
_NOT_A_REQUEST = "The request is not a protobuf ExportTraceServiceRequest."
_INVALID_UTF8 = b"invalid_utf8"
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


def repaired_json(data: bytes) -> bytes:
    """JSON with U+FFFD in place of bytes that are not UTF-8, and of halves of surrogate pairs."""
    if len(data) > _MAX_BYTES:
        return data
    text = data.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)


def repaired_protobuf(data: bytes) -> bytes:
    """The request with U+FFFD in place of bytes that are not UTF-8; spans, resources and scopes so repaired are marked.

    Raises:
        DecodeFailedError: something else is wrong with it.
    """
    if len(data) > _MAX_BYTES:
        raise DecodeFailedError(_NOT_A_REQUEST)
    try:
        request = _TWIN.FromString(data)
    except DecodeError as exc:
        raise DecodeFailedError(_NOT_A_REQUEST) from exc
    _repair(request)
    return request.SerializeToString()


def _repair(message: Message) -> bool:
    """Repairs in place; true when something that has no mark of its own was repaired."""
    repaired = False
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            children = [value] if isinstance(value, Message) else value
            for child in children:
                repaired |= _repair(child)
        elif field.full_name in _STRINGS:
            text = value.decode("utf-8", "replace").encode()
            if text != value:
                setattr(message, field.name, text)
                repaired = True
    if repaired and message.DESCRIPTOR.full_name in _MARKED:
        _mark(message)
        return False
    return repaired


def _mark(message: Message) -> None:
    # The twin's classes are made at run time, so their members have no types.
    pair = message.attributes.add(key=_REPAIRED_KEY)  # type: ignore[attr-defined]
    pair.value.array_value.values.add(string_value=_INVALID_UTF8)


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


def _twin() -> tuple[type[Message], frozenset[str]]:
    """The class of requests in which text is bytes, and the names of those fields."""
    pool = DescriptorPool()
    names: set[str] = set()
    for module in (common_pb2, resource_pb2, trace_pb2, trace_service_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for name, field in _string_fields(file):
            field.type = FieldDescriptorProto.TYPE_BYTES
            names.add(name)
        pool.Add(file)
    request = pool.FindMessageTypeByName(trace_service_pb2.ExportTraceServiceRequest.DESCRIPTOR.full_name)
    return message_factory.GetMessageClass(request), frozenset(names)


_TWIN, _STRINGS = _twin()
