"""Protobuf written byte by byte, for what no library would write."""

from __future__ import annotations


def delimited(number: int, content: bytes) -> bytes:
    """A field of text, bytes or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def number_field(number: int, value: int) -> bytes:
    """A field of an integer or enum."""
    return varint(number << 3) + varint(value)


def fixed64(number: int, value: int) -> bytes:
    """A field of a time."""
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def attribute(key: str, value: bytes, *, field: int = 9) -> bytes:
    """A ``KeyValue`` with the members of an ``AnyValue``; 9 is the field of a span's attributes."""
    return delimited(field, delimited(1, key.encode()) + delimited(2, value))


def nested_arrays(levels: int) -> bytes:
    """The members of an ``AnyValue`` with arrays within arrays."""
    value = b""
    for _ in range(levels):
        value = delimited(5, delimited(1, value))
    return value


def nested_maps(levels: int) -> bytes:
    """The members of an ``AnyValue`` with maps within maps."""
    value = b""
    for _ in range(levels):
        value = delimited(6, delimited(1, delimited(1, b"k") + delimited(2, value)))
    return value


def request_of_spans(*spans: bytes) -> bytes:
    """A request with encoded spans of one resource and scope."""
    return delimited(1, delimited(2, b"".join(delimited(2, span) for span in spans)))
