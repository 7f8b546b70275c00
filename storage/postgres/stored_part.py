"""What rows of all signals share: dictionary entries and receipts of redaction, decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from tracedata import Resource, Scope
from tracedata.typed_json import decode_attributes

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any


def origins_of(rows: Sequence[Row]) -> tuple[Sequence[int], Sequence[int]]:
    """The ids of resources and scopes that rows refer to, each once."""
    return list({row.resource_id for row in rows}), list({row.scope_id for row in rows})


def decode_resources(rows: Sequence[Row]) -> dict[int, Resource]:
    """Entries of the dictionary by id."""
    return {
        row.resource_id: Resource(
            attributes=decode_attributes(row.attributes),
            dropped_attributes_count=row.dropped_attributes_count or 0,
            schema_url=row.schema_url or "",
        )
        for row in rows
    }


def decode_scopes(rows: Sequence[Row]) -> dict[int, Scope]:
    """Entries of the dictionary by id."""
    return {
        row.scope_id: Scope(
            name=row.name,
            version=row.version,
            attributes=decode_attributes(row.attributes),
            dropped_attributes_count=row.dropped_attributes_count or 0,
            schema_url=row.schema_url or "",
        )
        for row in rows
    }


class StoredReceipt(msgspec.Struct, frozen=True):
    """The column ``redactions``."""

    entities: Mapping[str, int] = MappingProxyType({})
    keys: Mapping[str, Mapping[str, int]] = MappingProxyType({})
    policy: str = ""


_NOTHING_REDACTED = StoredReceipt()
_decode_receipt = msgspec.json.Decoder(StoredReceipt).decode


def decode_receipt(data: bytes | None) -> StoredReceipt:
    """The receipt in a row; an empty one when nothing was redacted."""
    return _decode_receipt(data) if data else _NOTHING_REDACTED
