"""Large answers as JSON, made so that other requests go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

_encode = msgspec.json.Encoder().encode


def encode_each(items: Iterable[object]) -> msgspec.Raw:
    """The items as a JSON array.

    One call for all of them would keep every other thread waiting until its end, the event loop's too; and so would
    ``map``, which does not let go of the interpreter between two items.
    """
    parts = [_encode(item) for item in items]
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def encode_by_part(answer: msgspec.Struct, *, part: str) -> msgspec.Raw:
    """The same JSON as of a whole struct, whose list ``part`` is encoded item by item."""
    fields: dict[str, object] = {}
    for field in msgspec.structs.fields(answer):
        value = getattr(answer, field.name)
        if value is not msgspec.UNSET:
            fields[field.encode_name] = encode_each(value) if field.name == part else value
    return msgspec.Raw(_encode(fields))
