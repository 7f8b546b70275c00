"""The dictionaries that rows refer to: resources, scopes and operations.

Ids are hashes of content, so no look-up is needed to write a row. What must be known is only whether an entry is stored
already; that is remembered, bounded, and forgotten when the connection is lost, since the database may be another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import msgspec
from psycopg import AsyncConnection

from storage.postgres.row import Origin, content_id
from storage.postgres.statement import load_statements
from tracedata import Resource, Scope, Span
from tracedata.typed_json import encode_attributes

_STATEMENTS = load_statements("writer.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US_PER_HOUR = 3_600_000_000
_MAX_REMEMBERED = 100_000

# A workspace, and the content id of an entry in it.
EntryKey = tuple[int, int]
# A workspace, a service, the name of a span, and its kind.
OperationKey = tuple[int, str, str, int]
# The first and the last start of a span, in Unix microseconds.
Seen = tuple[int, int]
Row = Mapping[str, object]


class Entries:
    """The dictionary entries that a batch, or a group of batches, refers to."""

    def __init__(self) -> None:
        self.resources: dict[EntryKey, Resource] = {}
        self.scopes: dict[EntryKey, Scope] = {}
        self.operations: dict[OperationKey, Seen] = {}

    def add_origin(self, resource: Resource, scope: Scope, origin: Origin) -> None:
        self.resources[origin.workspace_id, origin.resource_id] = resource
        self.scopes[origin.workspace_id, origin.scope_id] = scope

    def add_operation(self, span: Span, origin: Origin) -> None:
        key = (origin.workspace_id, origin.service_name, span.name, span.kind)
        start_us = span.start_time_unix_nano // 1000
        known = self.operations.get(key)
        # Written out, since this runs once a span.
        if known is None:
            self.operations[key] = (start_us, start_us)
        elif start_us < known[0]:
            self.operations[key] = (start_us, known[1])
        elif start_us > known[1]:
            self.operations[key] = (known[0], start_us)

    def merge(self, other: Entries) -> None:
        """Takes over what ``other`` has."""
        self.resources.update(other.resources)
        self.scopes.update(other.scopes)
        for key, seen in other.operations.items():
            known = self.operations.get(key)
            self.operations[key] = _widened(known, seen) if known else seen


class Dictionary:
    """Stores entries before the rows that refer to them. One instance per connection.

    Unless it ``remembers``, operations are stored every time.
    """

    def __init__(self, *, remembers: bool = True) -> None:
        self._remembers = remembers
        self._entries: set[EntryKey] = set()
        self._operations: dict[OperationKey, Seen] = {}

    async def ensure(self, connection: AsyncConnection, entries: Entries) -> None:
        """Stores what is not known to be stored, in one short transaction of its own.

        Rows go in the order of their keys, so that two writers never wait for each other in a circle. Operations are
        stored again when the hours in which they were seen widen.
        """
        resources = {key: entries.resources[key] for key in sorted(entries.resources.keys() - self._entries)}
        scopes = {key: entries.scopes[key] for key in sorted(entries.scopes.keys() - self._entries)}
        operations = {key: seen for key, seen in sorted(entries.operations.items()) if self._is_news(key, seen)}
        if not (resources or scopes or operations):
            return
        async with connection.transaction():
            await _insert(connection, _STATEMENTS["add_resources"], [_resource_row(*i) for i in resources.items()])
            await _insert(connection, _STATEMENTS["add_scopes"], [_scope_row(*i) for i in scopes.items()])
            await _insert(connection, _STATEMENTS["add_operations"], _operation_rows(operations))
        self._remember([*resources, *scopes], operations)

    def _is_news(self, key: OperationKey, seen: Seen) -> bool:
        known = self._operations.get(key)
        if known is None:
            return True
        return seen[0] // _US_PER_HOUR < known[0] // _US_PER_HOUR or seen[1] // _US_PER_HOUR > known[1] // _US_PER_HOUR

    def _remember(self, entries: Sequence[EntryKey], operations: Mapping[OperationKey, Seen]) -> None:
        if len(self._entries) > _MAX_REMEMBERED:
            self._entries.clear()
        if len(self._operations) > _MAX_REMEMBERED:
            self._operations.clear()
        self._entries.update(entries)
        if not self._remembers:
            return
        for key, seen in operations.items():
            known = self._operations.get(key)
            self._operations[key] = _widened(known, seen) if known else seen


def _widened(one: Seen, other: Seen) -> Seen:
    return min(one[0], other[0]), max(one[1], other[1])


def _resource_row(key: EntryKey, resource: Resource) -> Row:
    return {
        "workspace_id": key[0],
        "id": key[1],
        "schema_url": resource.schema_url or None,
        "dropped": resource.dropped_attributes_count or None,
        "attributes": encode_attributes(resource.attributes).decode(),
    }


def _scope_row(key: EntryKey, scope: Scope) -> Row:
    return {
        "workspace_id": key[0],
        "id": key[1],
        "name": scope.name,
        "version": scope.version,
        "schema_url": scope.schema_url or None,
        "dropped": scope.dropped_attributes_count or None,
        "attributes": encode_attributes(scope.attributes).decode(),
    }


def _operation_rows(operations: Mapping[OperationKey, Seen]) -> list[Row]:
    rows = {
        (workspace_id, content_id(service.encode(), name.encode(), msgspec.json.encode(kind))): {
            "kind": kind,
            "service_name": service,
            "name": name,
            "first_seen": _EPOCH + timedelta(microseconds=seen[0]),
            "last_seen": _EPOCH + timedelta(microseconds=seen[1]),
        }
        for (workspace_id, service, name, kind), seen in operations.items()
    }
    return [{"workspace_id": key[0], "id": key[1], **rows[key]} for key in sorted(rows)]


async def _insert(connection: AsyncConnection, statement: LiteralString, rows: Sequence[Row]) -> None:
    if rows:
        await connection.execute(statement, {column: [row[column] for row in rows] for column in rows[0]})
