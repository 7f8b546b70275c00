"""What tells of AI or of decisions in a trace that is too large to be read whole: found row by row, in bounded memory, with what is above it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from psycopg import AsyncConnection

from storage.derivation import Relevance
from storage.postgres.evidence import Bounds, Row, StoredEvidence, TooLargeError, read_entries, size_of
from storage.postgres.log_reader import decode_log_records
from storage.postgres.reader import decode_spans
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import decode_resources, decode_scopes, origins_of
from tracedata import LogRecord, Resource, Scope, Span

_STATEMENTS = load_statements("settlement.sql")
# Beyond it, not even the ids of all spans are held.
MAX_ROWS = 500_000

Connection = AsyncConnection[Any]
# Does what takes long beside the event loop.
Aside = Callable[..., Awaitable[Any]]
_Ids = set[bytes]


async def read_relevant_evidence(  # noqa: PLR0913 - one trace, and all that reading it needs
    connection: Connection,
    workspace_id: int,
    trace_id: bytes,
    *,
    bounds: Bounds,
    relevance: Relevance,
    aside: Aside,
) -> StoredEvidence:
    """The relevant log records of a trace, its relevant spans, those that the records name, all that is above one of them, and the root.

    The mappers make of these what they make of the whole trace. Needs what ``read_evidence`` needs.

    Raises:
        TooLargeError: these are more than the bounds allow, or there are more than ``MAX_ROWS`` in all.
        psycopg.Error: the database does not answer.
    """
    reading = _Reading(connection, workspace_id, trace_id, bounds=bounds, aside=aside)
    log_rows = await reading.sift("log_records", lambda row, origins: relevance.log_record(_record(row, *origins)))
    span_rows = await reading.sift("spans", lambda row, origins: relevance.span(_span(row, *origins)))
    seeds = {row.span_id for row in [*span_rows, *log_rows]} | {reading.root}
    more = _above(seeds, reading.parents) - {row.span_id for row in span_rows}
    span_rows = [*span_rows, *await reading.named(more)]
    resource_ids, scope_ids = origins_of([*span_rows, *log_rows])
    return StoredEvidence(
        span_rows=span_rows,
        log_rows=log_rows,
        resource_rows=await read_entries(connection, "resources", workspace_id, resource_ids),
        scope_rows=await read_entries(connection, "scopes", workspace_id, scope_ids),
        passed_over=reading.seen - len(span_rows) - len(log_rows),
    )


_Origins = tuple[Mapping[int, Resource], Mapping[int, Scope]]


class _Reading:
    """``parents`` are those of all spans, by id; ``root`` is the first without one; ``seen`` counts the rows that were looked at."""

    def __init__(
        self, connection: Connection, workspace_id: int, trace_id: bytes, *, bounds: Bounds, aside: Aside
    ) -> None:
        self._connection = connection
        self._workspace_id = workspace_id
        self._parameters = {"workspace_id": workspace_id, "trace_ids": [trace_id]}
        self._bounds = bounds
        self._aside = aside
        self._count = self._size = 0
        self._resources: dict[int, Resource] = {}
        self._scopes: dict[int, Scope] = {}
        self.parents: dict[bytes, bytes] = {}
        self.seen = 0
        self._first: tuple[int, int, bytes] | None = None

    @property
    def root(self) -> bytes:
        return self._first[2] if self._first else b""

    async def sift(
        self, name: Literal["spans", "log_records"], is_relevant: Callable[[Row, _Origins], bool]
    ) -> list[Row]:
        """The relevant ones among the rows of a statement."""
        kept: list[Row] = []
        await self._connection.execute(_STATEMENTS[name], self._parameters)
        while part := await self._fetched():
            self.seen += len(part)
            if self.seen > MAX_ROWS:
                raise TooLargeError
            if name == "spans":
                self.parents.update((row.span_id, row.parent_span_id or b"") for row in part)
                roots = [(row.start_time, row.start_time_ns, row.span_id) for row in part if not row.parent_span_id]
                self._first = min([*roots, *([self._first] if self._first else [])], default=None)
            await self._learn(part)
            known = [row for row in part if row.resource_id in self._resources and row.scope_id in self._scopes]
            kept += self._counted(await self._aside(_sifted, known, (self._resources, self._scopes), is_relevant))
        await self._connection.execute(_STATEMENTS["close"])
        return kept

    async def named(self, span_ids: Iterable[bytes]) -> Sequence[Row]:
        """The spans with some ids."""
        cursor = self._connection.cursor(binary=True)
        await cursor.execute(_STATEMENTS["named_spans"], {**self._parameters, "span_ids": list(span_ids)})
        return self._counted(await cursor.fetchall())

    def _counted(self, rows: Sequence[Row]) -> Sequence[Row]:
        self._count += len(rows)
        self._size += sum(map(size_of, rows))
        if self._count > self._bounds.rows or self._size > self._bounds.size:
            raise TooLargeError
        return rows

    async def _fetched(self) -> Sequence[Row]:
        cursor = self._connection.cursor(binary=True)
        return await (await cursor.execute(_STATEMENTS["fetch"])).fetchall()

    async def _learn(self, rows: Sequence[Row]) -> None:
        """Looks up the resources and scopes that are new."""
        resource_ids, scope_ids = origins_of(rows)
        for name, ids in (
            ("resources", [one for one in resource_ids if one not in self._resources]),
            ("scopes", [one for one in scope_ids if one not in self._scopes]),
        ):
            found = await read_entries(self._connection, name, self._workspace_id, ids)
            if name == "resources":
                self._resources |= decode_resources(found)
            else:
                self._scopes |= decode_scopes(found)


def _sifted(rows: Sequence[Row], origins: _Origins, is_relevant: Callable[[Row, _Origins], bool]) -> list[Row]:
    return [row for row in rows if is_relevant(row, origins)]


def _span(row: Row, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]) -> Span:
    (span,) = decode_spans([row], resources=resources, scopes=scopes)
    return span


def _record(row: Row, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]) -> LogRecord:
    (record,) = decode_log_records([row], resources=resources, scopes=scopes)
    return record


def _above(span_ids: Iterable[bytes], parents: Mapping[bytes, bytes]) -> _Ids:
    """The spans, and all that is above them."""
    found: _Ids = set()
    for span_id in span_ids:
        one = span_id
        while one and one not in found:
            found.add(one)
            one = parents.get(one, b"")
    return found
