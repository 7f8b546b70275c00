"""Makes the terms of chunks anew after spans of them were replaced, so that nothing is left of what they had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection

from storage.postgres.chunk import CHUNK_TABLE, encode_chunks
from storage.postgres.reader import decode_spans
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import decode_resources, decode_scopes
from tracedata import Resource, Scope

_STATEMENTS = load_statements("redaction.sql")
_READING = load_statements("reader.sql")
_CHUNKS_AT_ONCE = 100

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any
Connection = AsyncConnection[Any]


async def remake_stale_chunks(connection: Connection) -> int:
    """Remakes some, each in a transaction of its own, and returns how many: none when nothing is left to do.

    Raises:
        psycopg.Error: the database does not answer, or somebody else changes the same chunk; what was done stays done.
    """
    cursor = await connection.execute(_STATEMENTS["stale_chunks"], {"limit": _CHUNKS_AT_ONCE})
    stale = await cursor.fetchall()
    for one in stale:
        async with connection.transaction():
            await connection.execute(_STATEMENTS["one_snapshot"])
            await _remake(connection, one)
    return len(stale)


async def _remake(connection: Connection, stale: Row) -> None:
    """Puts terms of the spans that are there in the place of those of all that ever were. What comes later brings its own."""
    key = {"workspace_id": stale.workspace_id, "chunk": stale.chunk}
    cursor = connection.cursor(binary=True)
    bounds = {"from": stale.from_time, "to": stale.to_time}
    await cursor.execute(_STATEMENTS["spans_of_chunk"], {**key, **bounds})
    rows = await cursor.fetchall()
    resources, scopes = await stored_entries(connection, stale.workspace_id, rows)
    spans = decode_spans(
        rows,
        # What a row refers to may be missing; then it has no attributes there but the name that it has itself.
        resources={row.resource_id: resources.get(row.resource_id, _named(row.service_name)) for row in rows},
        scopes={row.scope_id: scopes.get(row.scope_id, Scope()) for row in rows},
    )
    await connection.execute(_STATEMENTS["remove_chunk"], key)
    await CHUNK_TABLE.copy(connection, encode_chunks(spans, **key))


def _named(service: str) -> Resource:
    return Resource(attributes={"service.name": service})


async def stored_entries(
    connection: Connection, workspace_id: int, rows: Sequence[Row]
) -> tuple[Mapping[int, Resource], Mapping[int, Scope]]:
    """The resources and scopes that rows refer to, as far as they are stored."""
    resources = await _dictionary_rows(connection, "resources", workspace_id, {row.resource_id for row in rows})
    scopes = await _dictionary_rows(connection, "scopes", workspace_id, {row.scope_id for row in rows})
    return decode_resources(resources), decode_scopes(scopes)


async def _dictionary_rows(connection: Connection, name: str, workspace_id: int, ids: set[int]) -> Sequence[Row]:
    cursor = connection.cursor(binary=True)
    await cursor.execute(_READING[name], {"workspace_id": workspace_id, "ids": list(ids)})
    return await cursor.fetchall()
