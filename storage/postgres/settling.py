"""The work of the one that settles interactions, over its connection: see ``storage.postgres.settlement``."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from storage.interaction import SettlementInstruments
from storage.postgres.evidence import TooLargeError
from storage.postgres.partition import Width
from storage.postgres.remapping import MAX_SHARING, Remapped, Remapper, sharing_rows
from storage.postgres.rewriting import TOO_MUCH_ERRORS, Rewriter, pieces
from storage.postgres.statement import load_statements

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_ARRIVALS = 1_000
_NEW_ROWS = 5_000
_BACKLOG_LIMIT = 100_000
_BACKLOG_INTERVAL_S = 5.0
_FORGET_INTERVAL_S = 60.0
# A trace that grows for long is read anew each time a part of it comes: a large one more rarely.
_PAUSE_ROWS_PER_S = 1_000
# One that is too large stays so, and is read up to the bounds before that is known.
_PAUSE_OVERSIZED_S = 60.0

Connection = AsyncConnection[Any]
# A workspace, and the id of a trace.
TraceKey = tuple[int, bytes]


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Traces of one workspace that are settled in one transaction, with the arrivals that this removes.

    ``is_recheck``: they wait already, and are looked at once more.
    """

    workspace_id: int
    trace_ids: Sequence[bytes]
    arrivals: Mapping[bytes, Sequence[int]] = msgspec.field(default_factory=dict[bytes, Sequence[int]])
    is_recheck: bool = False

    def halves(self) -> tuple[Chunk, Chunk]:
        middle = len(self.trace_ids) // 2
        first, second = self.trace_ids[:middle], self.trace_ids[middle:]
        return msgspec.structs.replace(self, trace_ids=first), msgspec.structs.replace(self, trace_ids=second)

    @property
    def arrival_ids(self) -> list[int]:
        return [number for trace_id in self.trace_ids for number in self.arrivals.get(trace_id, ())]


class Settler:
    """One instance a connection. Whoever calls holds the leader's lock."""

    def __init__(  # noqa: PLR0913 - times, which nobody but its maker gives
        self,
        remapper: Remapper,
        *,
        instruments: SettlementInstruments,
        partition_width: Width,
        soon_s: float,
        recheck_s: float,
        patience_s: float,
    ) -> None:
        self._rewriter = Rewriter(remapper, partition_width=partition_width)
        self._instruments = instruments
        self._recheck_in = {"soon_s": soon_s, "recheck_s": recheck_s}
        self._patience_s = patience_s
        self._resume_at: dict[TraceKey, float] = {}
        self._sharing = _Sharing()
        self._next_forget = 0.0
        self._next_backlog = 0.0

    async def round(self, connection: Connection) -> bool:
        """Does what there is to do; returns whether there was anything.

        Raises:
            psycopg.Error: the database does not answer; what was settled stays so.
        """
        has_worked = False
        while await self.settle_arrivals(connection):
            has_worked = True
        has_worked |= await self._recheck(connection)
        has_worked |= await self._settle_sharing(connection)
        await self._keep_up(connection)
        return has_worked

    async def newest_arrival(self, connection: Connection) -> int:
        """The number of the newest arrival; 0 when there is none."""
        return int((await _row(connection, "newest_arrival"))[0])

    async def has_arrivals(self, connection: Connection, *, up_to: int) -> bool:
        """Whether one of the arrivals up to a number is there still."""
        return await (await connection.execute(_STATEMENTS["any_arrival"], {"up_to": up_to})).fetchone() is not None

    async def settle_arrivals(self, connection: Connection, *, patiently: bool = True) -> bool:
        """Settles the oldest arrivals; false when there were none. ``patiently`` leaves large traces alone for a while."""
        now = time.monotonic()
        self._resume_at = {key: at for key, at in self._resume_at.items() if at > now}
        paused = list(self._resume_at) if patiently else []
        parameters = {
            "workspace_ids": [workspace_id for workspace_id, _ in paused],
            "trace_ids": [trace_id for _, trace_id in paused],
            "limit": _ARRIVALS,
        }
        cursor = connection.cursor(binary=True)
        rows = await (await cursor.execute(_STATEMENTS["arrivals"], parameters)).fetchall()
        arrivals: dict[int, dict[bytes, list[int]]] = {}
        for row in rows:
            arrivals.setdefault(row.workspace_id, {}).setdefault(row.trace_id, []).append(row.arrival_id)
        for workspace_id, by_trace in arrivals.items():
            for trace_ids in pieces(list(by_trace)):
                await self._settle(connection, Chunk(workspace_id=workspace_id, trace_ids=trace_ids, arrivals=by_trace))
        # Told when they are settled: that is how late they are.
        self._instruments.lagged([row.age_s + time.monotonic() - now for row in rows])
        return bool(rows)

    async def _recheck(self, connection: Connection) -> bool:
        rows = await (await connection.execute(_STATEMENTS["rechecks"], {"limit": _ARRIVALS})).fetchall()
        for workspace_id, trace_ids in _by_workspace((row.workspace_id, row.trace_id) for row in rows).items():
            for piece in pieces(trace_ids):
                await self._settle(connection, Chunk(workspace_id=workspace_id, trace_ids=piece, is_recheck=True))
        return bool(rows)

    async def _settle_sharing(self, connection: Connection) -> bool:
        """Settles traces that tell of a call that another one tells of too."""
        found = await self._sharing.look(connection)
        for workspace_id, trace_ids in _by_workspace(found).items():
            for piece in pieces(trace_ids):
                await self._settle(connection, Chunk(workspace_id=workspace_id, trace_ids=piece))
        await self._sharing.advance(connection)
        return bool(found)

    async def _keep_up(self, connection: Connection) -> None:
        now = time.monotonic()
        if now >= self._next_forget:
            await connection.execute(_STATEMENTS["forget"], {"patience_s": self._patience_s})
            self._next_forget = now + _FORGET_INTERVAL_S
        if now >= self._next_backlog:
            row = await _row(connection, "backlog", {"limit": _BACKLOG_LIMIT})
            self._instruments.backlog(arrivals=row.arrivals, waiting=row.waiting)
            self._next_backlog = now + _BACKLOG_INTERVAL_S

    async def _settle(self, connection: Connection, chunk: Chunk) -> None:
        """Settles a chunk, in halves when that is too much at once, or when a row cannot be stored."""

        async def note(done: Remapped) -> None:
            await self._note_waiting(connection, chunk, done)
            await connection.execute(_STATEMENTS["take_arrivals"], {"ids": chunk.arrival_ids})

        try:
            done = await self._rewriter.rewrite(connection, chunk.workspace_id, chunk.trace_ids, sequel=note)
        except TOO_MUCH_ERRORS as exc:
            if len(chunk.trace_ids) > 1:
                for half in chunk.halves():
                    await self._settle(connection, half)
                return
            await self._give_up(connection, chunk, exc)
            return
        self._instruments.settled(
            traces=len(done.rows) - len(done.failed), failed=len(done.failed), oversized=0, changed=done.difference.rows
        )
        self._pause(done)

    async def _note_waiting(self, connection: Connection, chunk: Chunk, done: Remapped) -> None:
        missing = [trace_id for trace_id in chunk.trace_ids if trace_id in done.incomplete]
        if missing:
            parameters = {"workspace_id": chunk.workspace_id, "trace_ids": missing, **self._recheck_in}
            await connection.execute(_STATEMENTS["rechecked" if chunk.is_recheck else "wait"], parameters)
        complete = [trace_id for trace_id in chunk.trace_ids if trace_id not in done.incomplete]
        if complete:
            parameters = {"workspace_id": chunk.workspace_id, "trace_ids": complete}
            await connection.execute(_STATEMENTS["end_waiting"], parameters)

    async def _give_up(self, connection: Connection, chunk: Chunk, reason: Exception) -> None:
        """Leaves the rows of a trace as they are."""
        is_oversized = isinstance(reason, TooLargeError)
        why = "it is too large" if is_oversized else "its interactions cannot be stored"
        _log.warning("a trace is not settled: %s", why)
        if is_oversized:
            until = time.monotonic() + _PAUSE_OVERSIZED_S
            self._resume_at.update({(chunk.workspace_id, trace_id): until for trace_id in chunk.trace_ids})
        parameters = {"workspace_id": chunk.workspace_id, "trace_ids": list(chunk.trace_ids)}
        async with connection.transaction():
            await connection.execute(_STATEMENTS["end_waiting"], parameters)
            await connection.execute(_STATEMENTS["take_arrivals"], {"ids": chunk.arrival_ids})
        self._instruments.settled(traces=0, failed=int(not is_oversized), oversized=int(is_oversized), changed=0)

    def _pause(self, done: Remapped) -> None:
        now = time.monotonic()
        for trace_id, rows in done.rows.items():
            if rows > _PAUSE_ROWS_PER_S:
                self._resume_at[done.workspace_id, trace_id] = now + rows / _PAUSE_ROWS_PER_S


class _Sharing:
    """Looks for rows that share a response id with a row of another trace, among those that are new since it looked last.

    Numbers are given to rows before they are committed, so a row may come into sight after one with a higher number. What
    was given out at some moment is in sight, or never will be, once all transactions have ended that ran then.
    """

    def __init__(self) -> None:
        # None until it is read.
        self._floor: int | None = None
        # A number, and the first transaction that cannot have been given it.
        self._candidate: tuple[int, int] | None = None
        self._is_over = False
        self._seen: set[int] = set()
        self._newest = -1

    async def look(self, connection: Connection) -> Sequence[TraceKey]:
        """The traces of new rows that tell of a call of which another row tells too."""
        if self._floor is None:
            self._floor = int((await _row(connection, "progress"))[0])
        newest = int((await _row(connection, "newest_row"))[0])
        if newest == self._newest and self._candidate is None:
            return []
        self._newest = newest
        # Asked before the rows are looked at, so that these are all that there will be.
        transactions = await _row(connection, "transactions")
        if self._candidate is None and newest > self._floor:
            self._candidate = (newest, transactions.next)
        self._is_over = self._candidate is not None and transactions.oldest >= self._candidate[1]
        return await _shared(connection, await self._new_rows(connection, after=self._floor))

    async def advance(self, connection: Connection) -> None:
        """What was found is settled; what cannot come into sight any more is not looked at again."""
        if self._candidate is None or not self._is_over:
            return
        self._floor, self._candidate, self._is_over = self._candidate[0], None, False
        self._seen = {seen for seen in self._seen if seen > self._floor}
        await connection.execute(_STATEMENTS["advance"], {"arrival_id": self._floor})

    async def _new_rows(self, connection: Connection, *, after: int) -> Sequence[Any]:
        found: list[Any] = []
        while True:
            cursor = connection.cursor(binary=True)
            await cursor.execute(_STATEMENTS["new_rows"], {"after": after, "limit": _NEW_ROWS})
            rows = await cursor.fetchall()
            found += [row for row in rows if row.arrival_id not in self._seen]
            if len(rows) < _NEW_ROWS:
                break
            after = rows[-1].arrival_id
        self._seen.update(row.arrival_id for row in found)
        return found


async def _row(connection: Connection, statement: str, parameters: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - the fields follow from the statement
    (row,) = await (await connection.execute(_STATEMENTS[statement], parameters)).fetchall()
    return row


async def _shared(connection: Connection, rows: Sequence[Any]) -> Sequence[TraceKey]:
    by_workspace: dict[int, dict[str, dict[bytes, int]]] = {}
    for row in rows:
        by_response = by_workspace.setdefault(row.workspace_id, {})
        by_response.setdefault(row.response_id, {})[row.trace_id] = row.start_time
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


def _by_workspace(keys: Iterable[TraceKey]) -> dict[int, list[bytes]]:
    """Each trace once."""
    found: dict[int, dict[bytes, None]] = {}
    for workspace_id, trace_id in keys:
        found.setdefault(workspace_id, {})[trace_id] = None
    return {workspace_id: list(trace_ids) for workspace_id, trace_ids in found.items()}
