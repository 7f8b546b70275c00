"""Traces read whole, spans and log records, within bounds: what interactions are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from storage.postgres.log_reader import decode_log_records
from storage.postgres.reader import decode_spans
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import decode_resources, decode_scopes, origins_of
from tracedata import LogRecord, Resource, Scope, Span

_STATEMENTS = load_statements("settlement.sql")
_READING = load_statements("reader.sql")

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any
Connection = AsyncConnection[Any]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is read at a time: spans and log records together, and bytes of their attributes, events and bodies."""

    rows: int = 20_000
    size: int = 48 << 20


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one trace, or of a session without one."""

    spans: Sequence[Span] = ()
    log_records: Sequence[LogRecord] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every span is there that others name: as their parent, or as where a log record belongs."""
        there = {span.span_id for span in self.spans}
        named = {span.parent_span_id for span in self.spans} | {record.span_id for record in self.log_records}
        return named - {b""} <= there


class TooLargeError(Exception):
    """There is more than the bounds allow."""


class StoredEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the database holds of some traces. Decoding it takes a while and needs no database: ``traces`` does it.

    ``passed_over`` rows were read too, and tell of nothing.
    """

    span_rows: Sequence[Row]
    log_rows: Sequence[Row]
    resource_rows: Sequence[Row]
    scope_rows: Sequence[Row]
    passed_over: int = 0

    @property
    def rows(self) -> int:
        """Spans and log records together."""
        return len(self.span_rows) + len(self.log_rows)

    @property
    def size(self) -> int:
        """Bytes of what can be large in them."""
        return sum(map(size_of, self.span_rows)) + sum(map(size_of, self.log_rows))

    def traces(self) -> Mapping[bytes, Evidence]:
        """By trace id. What refers to a resource or scope that is not stored cannot be read, and is left out."""
        resources: dict[int, Resource] = decode_resources(self.resource_rows)
        scopes: dict[int, Scope] = decode_scopes(self.scope_rows)
        known = [row for row in self.span_rows if row.resource_id in resources and row.scope_id in scopes]
        spans: dict[bytes, list[Span]] = {}
        for span in decode_spans(known, resources=resources, scopes=scopes):
            spans.setdefault(span.trace_id, []).append(span)
        records: dict[bytes, list[LogRecord]] = {}
        readable = [row for row in self.log_rows if row.resource_id in resources and row.scope_id in scopes]
        for record in decode_log_records(readable, resources=resources, scopes=scopes):
            records.setdefault(record.trace_id or record.ai_trace_id, []).append(record)
        return {
            trace_id: Evidence(spans=spans.get(trace_id, ()), log_records=records.get(trace_id, ()))
            for trace_id in spans.keys() | records.keys()
        }


async def read_evidence(
    connection: Connection, workspace_id: int, trace_ids: Sequence[bytes], *, bounds: Bounds
) -> StoredEvidence:
    """What is stored of some traces. Needs a transaction, ``configure_reading``, and rows that are named tuples.

    Raises:
        TooLargeError: it is more than the bounds allow; no more than that was read.
        psycopg.Error: the database does not answer.
    """
    parameters = {"workspace_id": workspace_id, "trace_ids": list(trace_ids)}
    found: dict[str, list[Row]] = {"spans": [], "log_records": []}
    count = size = 0
    for name in found:
        # By hand: an end in the middle, such as a lost connection, leaves nothing that would have to be tidied up.
        await connection.execute(_STATEMENTS[name], parameters)
        while part := await _fetched(connection):
            found[name] += part
            count += len(part)
            size += sum(map(size_of, part))
            if count > bounds.rows or size > bounds.size:
                await connection.execute(_STATEMENTS["close"])
                raise TooLargeError
        await connection.execute(_STATEMENTS["close"])
    resource_ids, scope_ids = origins_of([*found["spans"], *found["log_records"]])
    return StoredEvidence(
        span_rows=found["spans"],
        log_rows=found["log_records"],
        resource_rows=await read_entries(connection, "resources", workspace_id, resource_ids),
        scope_rows=await read_entries(connection, "scopes", workspace_id, scope_ids),
    )


async def _fetched(connection: Connection) -> Sequence[Row]:
    cursor = connection.cursor(binary=True)
    return await (await cursor.execute(_STATEMENTS["fetch"])).fetchall()


def size_of(row: Row) -> int:
    """Bytes of what can be large in a span or log record."""
    parts = (row.attributes, row.events, row.links) if hasattr(row, "events") else (row.attributes, row.body)
    return sum(len(part) for part in parts if part)


async def read_entries(connection: Connection, name: str, workspace_id: int, ids: Sequence[int]) -> Sequence[Row]:
    """Entries of a dictionary, ``resources`` or ``scopes``."""
    if not ids:
        return []
    cursor = connection.cursor(binary=True)
    await cursor.execute(_READING[name], {"workspace_id": workspace_id, "ids": list(ids)})
    return await cursor.fetchall()
