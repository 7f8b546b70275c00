"""Makes anew what is derived of stored traces, and says in what it differs from what is stored.

A call may be told of by several traces. They are found by what stored interactions name as their sources, and by response
ids, and what they tell is derived together: see ADR 0010.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
from psycopg import AsyncConnection

from storage.derivation import Derive, Derived, DeriveOf, Relevance
from storage.postgres.error import place_of
from storage.postgres.evidence import Bounds, Evidence, StoredEvidence, TooLargeError, read_evidence
from storage.postgres.product import DECIDED, INTERACTIONS, AnyDifference, differences, joined, storable
from storage.postgres.relevant_evidence import read_relevant_evidence
from storage.postgres.statement import load_statements
from tracedata import Interaction

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)
# A response id that more traces tell is none: servers that are made for tests give every answer the same.
MAX_SHARING = 20
# How often traces are looked for that share a call with those that were found the last time.
_MAX_STEPS = 4

Connection = AsyncConnection[Any]
_Result = TypeVar("_Result")


class Remapped(msgspec.Struct, frozen=True, kw_only=True):
    """Traces of one workspace that were looked at anew, those included that share a call with the wanted ones.

    ``rows`` says of each how many spans and log records it has; of ``failed`` ones nothing is known. ``incomplete`` are those
    of which a span is missing that others name.
    """

    workspace_id: int
    differences: Sequence[AnyDifference]
    made: Derived
    rows: Mapping[bytes, int]
    incomplete: frozenset[bytes]
    failed: frozenset[bytes]

    @property
    def changes(self) -> int:
        """How many rows come, go or change."""
        return sum(one.rows for one in self.differences)


class _Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace, what is stored of it, and what is derived of it alone; none when that fails."""

    trace_id: bytes
    evidence: Evidence
    before: Derived
    alone: Derived | None
    passed_over: int

    @property
    def interactions(self) -> Sequence[Interaction]:
        """Those that are stored, and those that are derived."""
        return [*self.before.interactions, *(self.alone.interactions if self.alone else ())]


class Remapper:
    """``executor`` does what takes long beside the event loop. Without ``relevance``, large traces are too large."""

    def __init__(
        self,
        derive_of: DeriveOf,
        *,
        executor: Executor,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        relevance: Relevance | None = None,
    ) -> None:
        self._derive_of = derive_of
        self._executor = executor
        self._bounds = bounds
        self._relevance = relevance

    async def remap(self, connection: Connection, workspace_id: int, trace_ids: Sequence[bytes]) -> Remapped:
        """Looks, and changes nothing. Needs a transaction that began with the statement ``begin``.

        Raises:
            TooLargeError: the traces together are more than the bounds allow.
            psycopg.Error: the database does not answer.
        """
        known: dict[bytes, _Trace] = {}
        links: dict[bytes, set[bytes]] = {}
        wanted, left = list(trace_ids), self._bounds
        for _ in range(_MAX_STEPS):
            try:
                evidence = await read_evidence(connection, workspace_id, wanted, bounds=left)
            except TooLargeError:
                if known:
                    # What cannot be read beside them stays as it is.
                    break
                evidence = await self._sifted(connection, workspace_id, wanted)
            left = Bounds(rows=left.rows - evidence.rows, size=left.size - evidence.size)
            rows = [await product.read(connection, workspace_id, wanted) for product in (INTERACTIONS, DECIDED)]
            found = await self._aside(_traces, wanted, evidence, rows, self._derive_of(workspace_id))
            known.update(found)
            await self._link(connection, workspace_id, known, found, links)
            wanted = [trace_id for trace_id in links if trace_id not in known]
            if not wanted:
                break
        return await self._aside(_remapped, workspace_id, known, links, self._derive_of(workspace_id))

    async def _sifted(self, connection: Connection, workspace_id: int, trace_ids: Sequence[bytes]) -> StoredEvidence:
        """What tells of AI in one trace that is large."""
        if len(trace_ids) > 1 or self._relevance is None:
            raise TooLargeError
        return await read_relevant_evidence(
            connection,
            workspace_id,
            trace_ids[0],
            bounds=self._bounds,
            relevance=self._relevance,
            aside=self._aside,
        )

    async def _link(
        self,
        connection: Connection,
        workspace_id: int,
        known: Mapping[bytes, _Trace],
        found: Mapping[bytes, _Trace],
        links: dict[bytes, set[bytes]],
    ) -> None:
        """Notes which traces tell of the same calls as those that were just found."""
        for trace in found.values():
            for one in trace.before.interactions:
                _connect(links, {trace.trace_id, *(source.trace_id for source in one.sources if source.trace_id)})
        for told_by, trace_id in await _tied(connection, workspace_id, found.values()):
            _connect(links, {told_by, trace_id})
        starts = _starts_by_response(known.values(), of=found)
        for response_id, trace_id, start_us in await sharing_rows(connection, workspace_id, starts):
            starts[response_id].setdefault(trace_id, start_us)
        for traces in starts.values():
            if len(traces) <= MAX_SHARING:
                _connect(links, traces)

    async def _aside(self, work: Callable[..., _Result], *args: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)


async def _tied(connection: Connection, workspace_id: int, traces: Iterable[_Trace]) -> Sequence[tuple[bytes, bytes]]:
    """Which traces tell of a call without a response id whose row stands with another trace: the one, and the other."""
    starts = {
        trace.trace_id: one.start_time_unix_nano // 1_000
        for trace in traces
        for one in trace.interactions
        if not one.response_id
    }
    if not starts:
        return []
    parameters = {
        "workspace_id": workspace_id,
        "trace_ids": list(starts),
        "start": _moment(min(starts.values())) - _DAY,
        "end": _moment(max(starts.values())) + _DAY,
        "limit": MAX_SHARING,
    }
    cursor = connection.cursor(binary=True)
    return [tuple(row) for row in await (await cursor.execute(_STATEMENTS["tied"], parameters)).fetchall()]


async def sharing_rows(
    connection: Connection, workspace_id: int, starts: Mapping[str, Mapping[bytes, int]]
) -> Sequence[tuple[str, bytes, int]]:
    """Stored rows that tell one of some response ids within a day of where it is known from: id, trace, start.

    ``starts`` are Unix microseconds by response id and trace. Of an id that very many rows tell, only some are given.
    """
    if not starts:
        return []
    limit = len(starts) * (MAX_SHARING + 1)
    rows = await _sharing(connection, workspace_id, starts, limit=limit)
    if len(rows) == limit:
        # One of them may have taken the place of the others.
        rows = [
            row
            for response_id in starts
            for row in await _sharing(
                connection, workspace_id, {response_id: starts[response_id]}, limit=MAX_SHARING + 1
            )
        ]
    return [
        (row.response_id, row.trace_id, row.start_time)
        for row in rows
        if any(abs(row.start_time - start) <= _DAY_US for start in starts[row.response_id].values())
    ]


async def _sharing(
    connection: Connection, workspace_id: int, starts: Mapping[str, Mapping[bytes, int]], *, limit: int
) -> Sequence[Any]:
    moments = [start for by_trace in starts.values() for start in by_trace.values()]
    parameters = {
        "workspace_id": workspace_id,
        "response_ids": list(starts),
        "start": _moment(min(moments)) - _DAY,
        "end": _moment(max(moments)) + _DAY,
        "limit": limit,
    }
    cursor = connection.cursor(binary=True)
    return await (await cursor.execute(_STATEMENTS["sharing"], parameters)).fetchall()


def _traces(
    trace_ids: Sequence[bytes], stored: StoredEvidence, rows: Sequence[Sequence[Any]], derive: Derive
) -> dict[bytes, _Trace]:
    """``rows`` are those of interactions, then those of decisions."""
    evidence = stored.traces()
    interactions, decisions = INTERACTIONS.by_trace(rows[0]), DECIDED.by_trace(rows[1])
    return {
        trace_id: _trace(
            trace_id,
            evidence.get(trace_id, Evidence()),
            Derived(interactions=interactions.get(trace_id, ()), decisions=decisions.get(trace_id, ())),
            passed_over=stored.passed_over,
            derive=derive,
        )
        for trace_id in trace_ids
    }


def _trace(trace_id: bytes, evidence: Evidence, before: Derived, *, passed_over: int, derive: Derive) -> _Trace:
    """``passed_over``: only of a trace by itself is anything left out."""
    # What is kept for longer than its spans stays as it is once they are gone.
    is_gone = not evidence.spans and not evidence.log_records
    alone = before if is_gone else _derived(derive, [evidence])
    return _Trace(trace_id=trace_id, evidence=evidence, before=before, alone=alone, passed_over=passed_over)


def _derived(derive: Derive, evidence: Sequence[Evidence]) -> Derived | None:
    """What is derived of all together, as it is stored, each identity once; none when that fails."""
    spans = [span for one in evidence for span in one.spans]
    records = [record for one in evidence for record in one.log_records]
    if not spans and not records:
        return Derived()
    try:
        # What no row can hold fails here, where it is known of which trace it is.
        return storable(derive(spans, records))
    except Exception as exc:  # noqa: BLE001 - whatever a trace does to a mapper, its neighbours are none of it
        _log.error("a trace cannot be understood: %s", place_of(exc))
        return None


def _starts_by_response(traces: Iterable[_Trace], *, of: Mapping[bytes, _Trace]) -> dict[str, dict[bytes, int]]:
    """Response ids that some traces tell, and for each of those the traces that do, with their start."""
    starts: dict[str, dict[bytes, int]] = {}
    for trace in of.values():
        for one in trace.interactions:
            if one.response_id:
                starts.setdefault(one.response_id, {})[trace.trace_id] = one.start_time_unix_nano // 1_000
    for trace in traces:
        for one in trace.interactions:
            if one.response_id in starts:
                starts[one.response_id].setdefault(trace.trace_id, one.start_time_unix_nano // 1_000)
    return starts


def _connect(links: dict[bytes, set[bytes]], traces: Iterable[bytes]) -> None:
    together = set(traces)
    if len(together) > 1:
        for trace_id in together:
            links.setdefault(trace_id, set()).update(together)


def _remapped(
    workspace_id: int, known: Mapping[bytes, _Trace], links: Mapping[bytes, set[bytes]], derive: Derive
) -> Remapped:
    usable = {trace_id: trace for trace_id, trace in known.items() if trace.alone is not None}
    after: list[Derived] = []
    for component in _components(usable, links):
        together = None
        if len(component) > 1:
            together = _derived(derive, [usable[trace_id].evidence for trace_id in sorted(component)])
        # What fails only together stays apart.
        after += [together] if together else [usable[trace_id].alone or Derived() for trace_id in component]
    made = joined(after)
    return Remapped(
        workspace_id=workspace_id,
        differences=differences(joined(trace.before for trace in usable.values()), made),
        made=made,
        rows={
            trace_id: len(trace.evidence.spans) + len(trace.evidence.log_records) + trace.passed_over
            for trace_id, trace in known.items()
        },
        incomplete=frozenset(trace_id for trace_id, trace in known.items() if not trace.evidence.is_complete),
        failed=frozenset(known.keys() - usable.keys()),
    )


def _components(traces: Iterable[bytes], links: Mapping[bytes, set[bytes]]) -> list[set[bytes]]:
    left = set(traces)
    found: list[set[bytes]] = []
    while left:
        component: set[bytes] = set()
        reached = {left.pop()}
        while reached:
            component |= reached
            reached = {other for trace_id in reached for other in links.get(trace_id, ())} & left
            left -= reached
        found.append(component)
    return found


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
