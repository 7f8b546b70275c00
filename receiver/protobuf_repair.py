"""Second chances for requests in protobuf: text that is not UTF-8, nesting without end, items that are no messages.

See ``receiver.repair`` for what senders do. A twin of the schema, in which text is bytes, takes what the decoder refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableSequence, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from receiver.error import DecodeFailedError
from receiver.repair import INVALID_UTF8, NESTING_TOO_DEEP, REPAIRED_KEY
from receiver.wire import malformed

_TOO_DEEP = b"<too deep>"
# The tags of the two fields that paths have.
_LENGTH_DELIMITED = {number: bytes([number << 3 | 2]) for number in (1, 2)}
# The decoder takes messages within messages to this depth, the request being 0.
_MAX_MESSAGE_DEPTH = 100
# Resources, scopes and items have a mark, and are repaired one by one: the numbers of the fields that they are in, from
# within. They are the same for every signal.
_RESOURCE_PATH, _SCOPE_PATH, _ITEM_PATH = (1, 1), (1, 2, 1), (2, 2, 1)


class Schema(NamedTuple):
    """The messages of a signal: its request, what it brings, the files that they are in, and the fields on the way."""

    request: type[Message]
    item: Descriptor
    modules: Sequence[ModuleType]
    resources: str
    scopes: str
    items: str


class ProtobufRepair:
    """Repairs requests of one signal."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._twin = _twin(schema)
        self._loose = _loose(schema)
        self._paths = {
            resource_pb2.Resource.DESCRIPTOR.full_name: _RESOURCE_PATH,
            common_pb2.InstrumentationScope.DESCRIPTOR.full_name: _SCOPE_PATH,
            schema.item.full_name: _ITEM_PATH,
        }

    def repaired(self, data: bytes) -> tuple[bytes, int]:
        """The request with U+FFFD in place of bytes that are not UTF-8, and without what is nested too deep to be decoded.

        Items, resources and scopes so repaired are marked. Items that are no messages even so are left out, and so are
        those of such resources and scopes; their number is the second result.

        Raises:
            DecodeFailedError: something else is wrong with it, or no item is sound.
        """
        try:
            repaired, kept, dropped = self._repaired_parts(self._loose.FromString(data))
        except DecodeError as exc:
            raise DecodeFailedError(malformed(self._schema.request.DESCRIPTOR.name)) from exc
        if dropped and not kept:
            raise DecodeFailedError(malformed(self._schema.request.DESCRIPTOR.name))
        return repaired, dropped

    def _repaired_parts(self, request: Any) -> tuple[bytes, int, int]:  # noqa: ANN401  # Its class is made at run time.
        """The repaired request, how many items are left in it, and how many are not."""
        kept = dropped = 0
        schema = self._schema
        for of_resource in getattr(request, schema.resources):
            of_resource.schema_url = _text(of_resource.schema_url)
            is_lost = bool(self._mend(of_resource.resource, self._twin.resource))
            for of_scope in getattr(of_resource, schema.scopes):
                items = getattr(of_scope, schema.items)
                sent = len(items)
                if is_lost or not self._mend_scope(of_scope):
                    of_scope.Clear()
                left = len(getattr(of_scope, schema.items))
                kept += left
                dropped += sent - left
            if is_lost:
                of_resource.Clear()
        return request.SerializeToString(), kept, dropped

    def _mend_scope(self, of_scope: Any) -> bool:  # noqa: ANN401  # Its class is made at run time.
        """Repairs what it can and leaves out other items; false when the scope itself is beyond repair."""
        if self._mend(of_scope.scope, self._twin.scope):
            return False
        of_scope.schema_url = _text(of_scope.schema_url)
        items = getattr(of_scope, self._schema.items)
        lost = self._mend(items, self._twin.item)
        if lost:
            items[:] = [item for place, item in enumerate(items) if place not in lost]
        return True

    def _mend(self, parts: MutableSequence[bytes], twin: type[Message]) -> set[int]:
        """Repairs those of the encoded ``parts`` that the decoder does not take; returns the places of what is no message."""
        path = self._paths[twin.DESCRIPTOR.full_name]
        lost: set[int] = set()
        for place, part in enumerate(parts):
            if self._is_sound(part, path):
                continue
            try:
                message = twin.FromString(part)
                self._repair(message, len(path))
            except DecodeError:
                lost.add(place)
                continue
            parts[place] = message.SerializeToString()
            if not self._is_sound(parts[place], path):
                lost.add(place)
        return lost

    def _is_sound(self, part: bytes, path: Sequence[int]) -> bool:
        # Where it belongs, since its depth counts from the request.
        for number in path:
            part = _LENGTH_DELIMITED[number] + _varint(len(part)) + part
        try:
            self._schema.request.FromString(part)
        except DecodeError:
            return False
        return True

    def _repair(self, message: Message, depth: int) -> set[str]:
        """Repairs in place; returns the classes of repairs in what has no mark of its own."""
        classes: set[str] = set()
        for field, value in message.ListFields():
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                children = [value] if isinstance(value, Message) else value
                for child in children:
                    classes |= self._repair(child, depth + 1)
            elif field.full_name in self._twin.strings:
                text = _text(value)
                if text != value:
                    setattr(message, field.name, text)
                    classes.add(INVALID_UTF8)
            elif field.full_name in self._twin.nested:
                classes |= self._repair_nested(message, field, depth)
        if classes and message.DESCRIPTOR.full_name in self._paths:
            self._mark(message, classes)
            return set()
        return classes

    def _repair_nested(self, message: Message, field: FieldDescriptor, depth: int) -> set[str]:
        """Repairs an array or a map in ``message``, a value; what could not be decoded becomes text."""
        kind, levels = self._twin.nested[field.full_name]
        if depth + levels > _MAX_MESSAGE_DEPTH:
            message.string_value = _TOO_DEEP  # type: ignore[attr-defined]  # Made at run time, like all of the twin.
            return {NESTING_TOO_DEEP}
        inner = kind.FromString(getattr(message, field.name))
        classes = self._repair(inner, depth + 1)
        if classes:
            setattr(message, field.name, inner.SerializeToString())
        return classes

    def _mark(self, message: Message, classes: set[str]) -> None:
        # The twin's classes are made at run time, so their members have no types.
        pair = message.attributes.add(key=REPAIRED_KEY.encode())  # type: ignore[attr-defined]
        marks = self._twin.array()
        for one in sorted(classes):
            marks.values.add(string_value=one.encode())  # type: ignore[attr-defined]
        pair.value.array_value = marks.SerializeToString()


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _text(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()


def _string_fields(file: FileDescriptorProto) -> list[tuple[str, FieldDescriptorProto]]:
    """The full name of each singular field of text, and the field. What is repaired has no repeated ones."""
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
    item: type[Message]
    array: type[Message]
    strings: frozenset[str]
    nested: Mapping[str, tuple[type[Message], int]]


def _twin(schema: Schema) -> _Twin:
    pool = DescriptorPool()
    names: set[str] = set()
    for module in schema.modules:
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
        item=kind(schema.item),
        array=array,
        strings=frozenset(names),
        nested={
            f"{value}.array_value": (array, 2),
            f"{value}.kvlist_value": (kind(common_pb2.KeyValueList.DESCRIPTOR), 3),
        },
    )


def _loose(schema: Schema) -> type[Message]:
    """The request with its resources, scopes and items left encoded. They are repeated, so nothing that comes twice is lost."""
    pool = DescriptorPool()
    request = schema.request.DESCRIPTOR
    of_resource = request.fields_by_name[schema.resources].message_type
    assert of_resource is not None  # noqa: S101 - the field of a request is a message
    of_scope = of_resource.fields_by_name[schema.scopes].message_type
    assert of_scope is not None  # noqa: S101 - as above
    loosened = (of_resource.name, of_scope.name)
    for module in schema.modules:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for field in (field for message in file.message_type if message.name in loosened for field in message.field):
            if field.name != schema.scopes:
                _leave_encoded(field)
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(request.full_name))


def _leave_encoded(field: FieldDescriptorProto) -> None:
    if field.type == FieldDescriptorProto.TYPE_MESSAGE:
        field.label = FieldDescriptorProto.LABEL_REPEATED
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")


TRACES = ProtobufRepair(
    Schema(
        request=trace_service_pb2.ExportTraceServiceRequest,
        item=trace_pb2.Span.DESCRIPTOR,
        modules=(common_pb2, resource_pb2, trace_pb2, trace_service_pb2),
        resources="resource_spans",
        scopes="scope_spans",
        items="spans",
    )
)
LOGS = ProtobufRepair(
    Schema(
        request=logs_service_pb2.ExportLogsServiceRequest,
        item=logs_pb2.LogRecord.DESCRIPTOR,
        modules=(common_pb2, resource_pb2, logs_pb2, logs_service_pb2),
        resources="resource_logs",
        scopes="scope_logs",
        items="log_records",
    )
)
