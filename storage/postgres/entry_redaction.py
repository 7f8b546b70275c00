"""Redacts the dictionaries: resources and scopes in their place, operations by removing those that have a redacted twin.

Resources and scopes keep the ids that they had: a writer that was started with the older policy remembers them as stored,
and goes on referring to them. What it refers to is redacted then; removed entries would leave its spans unreadable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from storage.postgres.row import MAX_SERVICE_NAME_CHARS, resource_id_of, scope_id_of
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import decode_resources, decode_scopes
from storage.redaction import ProcessorOf
from tracedata import Batch, Resource, Scope, Span
from tracedata.typed_json import encode_attributes

_STATEMENTS = load_statements("redaction.sql")
_FIRST_ID = -(2**63)

Row = Any
Connection = AsyncConnection[Any]


class EntryChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Resources and scopes that were changed in their place, and operations that were removed."""

    overwritten: int
    removed: int


async def redact_entries(connection: Connection, processor_of: ProcessorOf, *, page: int) -> EntryChanges:
    """Goes through all dictionaries; idempotent. Comes after the spans, whose new entries are stored by then.

    Raises:
        psycopg.Error: the database does not answer; what was done stays done.
    """
    overwritten = removed = 0
    async for rows in _pages(connection, "resource_page", limit=page):
        overwritten += await _overwrite_resources(connection, processor_of, rows)
    async for rows in _pages(connection, "scope_page", limit=page):
        overwritten += await _overwrite_scopes(connection, processor_of, rows)
    async for rows in _pages(connection, "operation_page", limit=page):
        removed += await _remove_operations(connection, processor_of, rows)
    return EntryChanges(overwritten=overwritten, removed=removed)


async def _pages(connection: Connection, statement: str, *, limit: int) -> AsyncIterator[Sequence[Row]]:
    after = {"workspace_id": -(2**31), "id": _FIRST_ID}
    while True:
        cursor = connection.cursor(binary=True)
        rows = await (await cursor.execute(_STATEMENTS[statement], {**after, "limit": limit})).fetchall()
        if rows:
            yield rows
        if len(rows) < limit:
            return
        after = {"workspace_id": rows[-1][0], "id": rows[-1][1]}


async def _overwrite_resources(connection: Connection, processor_of: ProcessorOf, rows: Sequence[Row]) -> int:
    resources = decode_resources(rows)
    changed = 0
    for row in rows:
        before = resources[row.resource_id]
        after = _redacted(processor_of, row.workspace_id, Span(**_carrier(resource=before))).resource
        if resource_id_of(after) == resource_id_of(before):
            continue
        await connection.execute(_STATEMENTS["overwrite_resource"], _values(row.workspace_id, row.resource_id, after))
        changed += 1
    return changed


async def _overwrite_scopes(connection: Connection, processor_of: ProcessorOf, rows: Sequence[Row]) -> int:
    scopes = decode_scopes(rows)
    changed = 0
    for row in rows:
        before = scopes[row.scope_id]
        after = _redacted(processor_of, row.workspace_id, Span(**_carrier(scope=before))).scope
        if scope_id_of(after) == scope_id_of(before):
            continue
        named = {"name": after.name, "version": after.version}
        await connection.execute(
            _STATEMENTS["overwrite_scope"], {**_values(row.workspace_id, row.scope_id, after), **named}
        )
        changed += 1
    return changed


async def _remove_operations(connection: Connection, processor_of: ProcessorOf, rows: Sequence[Row]) -> int:
    removed = 0
    for row in rows:
        resource = Resource(attributes={"service.name": row.service_name})
        before = Span(**_carrier(resource=resource), name=row.name, kind=row.kind)
        after = _redacted(processor_of, row.workspace_id, before)
        if (after.name, after.resource.service_name[:MAX_SERVICE_NAME_CHARS]) == (row.name, row.service_name):
            continue
        key = {"workspace_id": row.workspace_id, "id": row.operation_id}
        await connection.execute(_STATEMENTS["remove_operation"], key)
        removed += 1
    return removed


def _carrier(*, resource: Resource | None = None, scope: Scope | None = None) -> dict[str, Any]:
    """The fields of a span that carries an entry through the processor."""
    return {"trace_id": bytes(16), "span_id": bytes(8), "resource": resource or Resource(), "scope": scope or Scope()}


def _redacted(processor_of: ProcessorOf, workspace_id: int, span: Span) -> Span:
    return processor_of(workspace_id).process(Batch(workspace_id=workspace_id, spans=[span])).spans[0]


def _values(workspace_id: int, entry_id: int, entry: Resource | Scope) -> Mapping[str, object]:
    return {
        "workspace_id": workspace_id,
        "id": entry_id,
        "schema_url": entry.schema_url or None,
        "attributes": encode_attributes(entry.attributes).decode(),
    }
