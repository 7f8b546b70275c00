"""The work of the one that settles, over its connection: see ``storage.postgres.settlement``."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from storage.interaction import SettlementInstruments
from storage.postgres.arrived_row import TraceKey, only_row, watches
from storage.postgres.evidence import TooLargeError
from storage.postgres.partition import Width
from storage.postgres.remapping import Remapped, Remapper
from storage.postgres.rewriting import TOO_MUCH_ERRORS, Rewriter, pieces
from storage.postgres.statement import load_statements

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_ARRIVALS = 1_000
_BACKLOG_LIMIT = 100_000
_BACKLOG_INTERVAL_S = 5.0
_FORGET_INTERVAL_S = 60.0
# A trace that grows for long is read anew each time a part of it comes: a large one more rarely.
_PAUSE_ROWS_PER_S = 1_000
# One that is too large stays so, and is read up to the bounds before that is known.
_PAUSE_OVERSIZED_S = 60.0

Connection = AsyncConnection[Any]


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
        self._watches = watches()
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
        has_worked |= await self._settle_arrived(connection)
        await self._keep_up(connection)
        return has_worked

    async def newest_arrival(self, connection: Connection) -> int:
        """The number of the newest arrival; 0 when there is none."""
        return int((await only_row(connection, "newest_arrival"))[0])

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

    async def _settle_arrived(self, connection: Connection) -> bool:
        """Settles traces of which new rows have shown that they are to be settled once more."""
        has_worked = False
        for watch in self._watches:
            found = await watch.look(connection)
            for workspace_id, trace_ids in _by_workspace(found).items():
                for piece in pieces(trace_ids):
                    await self._settle(connection, Chunk(workspace_id=workspace_id, trace_ids=piece))
            await watch.advance(connection)
            has_worked |= bool(found)
        return has_worked

    async def _keep_up(self, connection: Connection) -> None:
        now = time.monotonic()
        if now >= self._next_forget:
            await connection.execute(_STATEMENTS["forget"], {"patience_s": self._patience_s})
            self._next_forget = now + _FORGET_INTERVAL_S
        if now >= self._next_backlog:
            row = await only_row(connection, "backlog", {"limit": _BACKLOG_LIMIT})
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
            traces=len(done.rows) - len(done.failed), failed=len(done.failed), oversized=0, changed=done.changes
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
        why = "it is too large" if is_oversized else "what it tells cannot be stored"
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


def _by_workspace(keys: Iterable[TraceKey]) -> dict[int, list[bytes]]:
    """Each trace once."""
    found: dict[int, dict[bytes, None]] = {}
    for workspace_id, trace_id in keys:
        found.setdefault(workspace_id, {})[trace_id] = None
    return {workspace_id: list(trace_ids) for workspace_id, trace_ids in found.items()}
