"""Rows that have arrived since the leader looked last, and what they show: traces that have to be settled once more.

Interactions may tell of a call of which another trace tells too. Decisions may be told of twice in their trace, or may not know
yet what became of the request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from psycopg import AsyncConnection

from storage.postgres.remapping import MAX_SHARING, sharing_rows
from storage.postgres.statement import load_statements
from tracedata.interaction import MODEL_OPERATIONS

_STATEMENTS = load_statements("settlement.sql")
_NEW_ROWS = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What belongs together in a trace is no further apart.
_DAY = timedelta(days=1)

Connection = AsyncConnection[Any]
# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any
# A workspace, and the id of a trace.
TraceKey: TypeAlias = tuple[int, bytes]
_Find: TypeAlias = Callable[[Connection, Sequence[Row]], Awaitable[Sequence[TraceKey]]]


class Watch:
    """Looks at the rows of a table that are new since it looked last.

    Numbers are given to rows before they are committed, so a row may come into sight after one with a higher number. What
    was given out at some moment is in sight, or never will be, once all transactions have ended that ran then.
    """

    def __init__(self, name: Literal["interaction", "decision"], find: _Find) -> None:
        self._name = name
        self._find = find
        # None until it is read.
        self._floor: int | None = None
        # A number, and the first transaction that cannot have been given it.
        self._candidate: tuple[int, int] | None = None
        self._is_over = False
        self._seen: set[int] = set()
        self._newest = -1

    async def look(self, connection: Connection) -> Sequence[TraceKey]:
        """The traces that have to be settled because of new rows."""
        if self._floor is None:
            self._floor = int((await only_row(connection, f"progress_of_{self._name}s"))[0])
        newest = int((await only_row(connection, f"newest_{self._name}"))[0])
        if newest == self._newest and self._candidate is None:
            return []
        self._newest = newest
        # Asked before the rows are looked at, so that these are all that there will be.
        transactions = await only_row(connection, "transactions")
        if self._candidate is None and newest > self._floor:
            self._candidate = (newest, transactions.next)
        self._is_over = self._candidate is not None and transactions.oldest >= self._candidate[1]
        return await self._find(connection, await self._new_rows(connection, after=self._floor))

    async def advance(self, connection: Connection) -> None:
        """What was found is settled; what cannot come into sight any more is not looked at again."""
        if self._candidate is None or not self._is_over:
            return
        self._floor, self._candidate, self._is_over = self._candidate[0], None, False
        self._seen = {seen for seen in self._seen if seen > self._floor}
        await connection.execute(_STATEMENTS[f"advance_{self._name}s"], {"arrival_id": self._floor})

    async def _new_rows(self, connection: Connection, *, after: int) -> Sequence[Any]:
        found: list[Any] = []
        while True:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STATEMENTS[f"new_{self._name}s"], {"after": after, "limit": _NEW_ROWS})
            rows = await cursor.fetchall()
            found += [row for row in rows if row.arrival_id not in self._seen]
            if len(rows) < _NEW_ROWS:
                break
            after = rows[-1].arrival_id
        self._seen.update(row.arrival_id for row in found)
        return found


async def _shared(connection: Connection, rows: Sequence[Any]) -> Sequence[TraceKey]:
    """Traces that share a call with another one."""
    by_workspace: dict[int, dict[str, dict[bytes, int]]] = {}
    for row in rows:
        if row.response_id is None:
            continue
        by_response = by_workspace.setdefault(row.workspace_id, {})
        by_response.setdefault(row.response_id, {})[row.trace_id] = row.time
    found: list[TraceKey] = []
    for workspace_id, starts in by_workspace.items():
        sharing: dict[str, list[bytes]] = {}
        for response_id, trace_id, _ in await sharing_rows(connection, workspace_id, starts):
            sharing.setdefault(response_id, []).append(trace_id)
        found += [
            (workspace_id, min(starts[response_id]))
            for response_id, traces in sharing.items()
            # Rows of one trace share it too, when its parts came apart.
            if len(traces) > 1 and len(set(traces)) <= MAX_SHARING
        ]
    return found


async def _of_interactions(connection: Connection, rows: Sequence[Row]) -> Sequence[TraceKey]:
    return [*await _shared(connection, rows), *await _disagreeing(connection, rows)]


async def _disagreeing(connection: Connection, rows: Sequence[Row]) -> Sequence[TraceKey]:
    """Traces whose decisions are told of twice, disagree, or know no outcome though there is one."""
    by_workspace: dict[int, list[Row]] = {}
    for row in rows:
        by_workspace.setdefault(row.workspace_id, []).append(row)
    found: list[TraceKey] = []
    for workspace_id, ones in by_workspace.items():
        moments = [_EPOCH + timedelta(microseconds=row.time) for row in ones]
        parameters = {
            "workspace_id": workspace_id,
            "trace_ids": list({row.trace_id for row in ones}),
            "start": min(moments) - _DAY,
            "end": max(moments) + _DAY,
            "calls": sorted(MODEL_OPERATIONS),
        }
        cursor = connection.cursor(binary=True)
        await cursor.execute(_STATEMENTS["disagreeing"], parameters)
        found += [(workspace_id, row.trace_id) for row in await cursor.fetchall()]
    return found


def watches() -> Sequence[Watch]:
    """Of all tables whose rows can show it."""
    return [Watch("interaction", _of_interactions), Watch("decision", _disagreeing)]


async def only_row(connection: Connection, statement: str, parameters: Mapping[str, object] | None = None) -> Row:
    """The one row that a statement of settling gives."""
    (row,) = await (await connection.execute(_STATEMENTS[statement], parameters)).fetchall()
    return row
