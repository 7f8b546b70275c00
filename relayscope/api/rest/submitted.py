"""What all submitted items share: how they are read from a body, checked field by field, and identified."""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from msgspec import UnsetType

from relayscope.api.rest.interaction_schema import FieldError
from tracedata import CallerError

MAX_ITEMS = 1_000
MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_OTLP_NS = 2**64 - 1
# As OTLP in JSON has it: docs/limits.md.
_MAX_DEPTH = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?(?:[Zz]|([+-]\d\d):?(\d\d))?", re.ASCII)
_HEX_ID = re.compile(r"[0-9a-f]{32}")

_Item = TypeVar("_Item")
Fields: TypeAlias = Mapping[str, msgspec.structs.FieldInfo]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item cannot be taken, field by field; its id as far as it has one."""

    id: str | None
    errors: Sequence[FieldError]


def fields_of(model: type[msgspec.Struct]) -> Fields:
    """The fields of a model by their names in JSON."""
    return {field.encode_name: field for field in msgspec.structs.fields(model)}


def field_errors(item: Mapping[str, object], fields: Fields) -> Iterator[FieldError]:
    """What is wrong with each field by itself."""
    for name in item:
        if name not in fields:
            # A name that is none of ours is the sender's word, and may be long.
            yield FieldError(field=name[:100], detail="unknown field")
    for name, field in fields.items():
        if name not in item:
            if field.required:
                yield FieldError(field=name, detail="is required")
            continue
        try:
            msgspec.convert(item[name], field.type)
        except msgspec.ValidationError as exc:
            sentence, _, place = str(exc).partition(" - at `$")
            known = "Invalid enum value" in sentence
            detail = f"must be one of {', '.join(_words(field.type))}" if known else sentence
            yield FieldError(field=f"{name}{place.rstrip('`')}", detail=f"{detail[:1].lower()}{detail[1:]}")


# ``Any``: a type, or what ``Annotated`` and unions are made of.
def _words(kind: Any) -> Iterator[str]:  # noqa: ANN401
    """The words of the ``Literal`` in a type."""
    if get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
        return
    for part in get_args(kind):
        yield from _words(part)


def moment_ns(text: str | UnsetType | None) -> int | None:
    """Unix nanoseconds of ISO-8601, which means UTC without an offset; none when it cannot be read."""
    if not text:
        return None
    parts = _ISO.fullmatch(text.strip())
    if parts is None:
        return None
    day, clock, fraction, hours, minutes = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{f'{hours}:{minutes}' if hours else '+00:00'}")
    except ValueError:
        return None
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    found = seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
    return found if 0 <= found <= MAX_OTLP_NS else None


def trace_id_of(text: str) -> bytes:
    """The id itself where it is one, as a UUID is; otherwise one made of the text."""
    plain = text.strip().lower().removeprefix("urn:uuid:")
    if _HEX_ID.fullmatch(plain) or (len(plain) == 36 and plain.count("-") == 4):
        try:
            found = uuid.UUID(plain).bytes
        except ValueError:
            found = b""
        if any(found):
            return found
    return digest_of(text, size=16, person=b"trace")


def span_id_of(text: str) -> bytes:
    """Of hex digits; none where they are zeros: that is how some write it."""
    return bytes.fromhex(text) if text.strip("0") else b""


def digest_of(text: str, *, size: int, person: bytes) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size, person=person).digest()


def read_items(body: bytes, read_item: Callable[[object], _Item]) -> tuple[Sequence[_Item | Refusal], bool]:
    """Each item as ``read_item`` reads it, and whether they came as a list. One that is too deep is refused before it is read.

    Raises:
        CallerError: the body is no such JSON.
    """
    try:
        found: Any = msgspec.json.decode(body)  # Any: JSON of the sender's
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise CallerError("body: must be JSON in UTF-8") from exc
    if not isinstance(found, dict | list):
        raise CallerError("body: must be an object or a list of objects")
    if isinstance(found, dict):
        return [_read(found, read_item)], False
    if not 1 <= len(found) <= MAX_ITEMS:
        raise CallerError(f"body: must have between 1 and {MAX_ITEMS:,} items")
    return [_read(item, read_item) for item in found], True


def _read(item: object, read_item: Callable[[object], _Item]) -> _Item | Refusal:
    if _is_too_deep(item):
        return Refusal(id=None, errors=[FieldError(field="", detail=f"is nested deeper than {_MAX_DEPTH} levels")])
    return read_item(item)


def _is_too_deep(item: object) -> bool:
    level: Sequence[object] = [item]
    for _ in range(_MAX_DEPTH):
        parts = [part for part in level if isinstance(part, dict | list)]
        level = [value for part in parts for value in (part.values() if isinstance(part, dict) else part)]
    return any(isinstance(part, dict | list) for part in level)
