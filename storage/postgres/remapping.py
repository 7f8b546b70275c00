"""Makes the interactions of stored traces anew, and says in what they differ from those that are stored.

A call may be told of by several traces. They are found by what stored interactions name as their sources, and by response
ids, and their interactions are made together: see ADR 0010.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import msgspec
from psycopg import AsyncConnection, sql

from storage.interaction import MapInteractions, MapOf, Relevance
from storage.postgres.error import place_of
from storage.postgres.evidence import Bounds, Evidence, StoredEvidence, TooLargeError, read_evidence
from storage.postgres.interaction_row import (
    INTERACTION_COLUMNS,
    as_stored,
    encode_interaction,
    interaction_of,
)
from storage.postgres.parcel import INTERACTION_TABLE
from storage.postgres.relevant_evidence import read_relevant_evidence
from storage.postgres.statement import load_statements
from tracedata import Interaction

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_STORED = sql.SQL(
    "SELECT {} FROM relayscope.ai_interactions WHERE workspace_id = %(workspace_id)s AND trace_id = ANY(%(trace_ids)s)"
).format(sql.SQL(", ").join(map(sql.Identifier, INTERACTION_COLUMNS)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_DAY_US = _DAY // timedelta(microseconds=1)
# A response id that more traces tell is none: servers that are made for tests give every answer the same.
MAX_SHARING = 20
# How often traces are looked for that share a call with those that were found the last time.
_MAX_STEPS = 4

Connection = AsyncConnection[Any]
_Result = TypeVar("_Result")
# Trace id, span id, start in Unix microseconds.
Identity = tuple[bytes, bytes, int]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What has to happen to the rows of some traces. ``changed`` has the old and the new one of each."""

    added: Sequence[Interaction] = ()
    removed: Sequence[Interaction] = ()
    changed: Sequence[tuple[Interaction, Interaction]] = ()

    @property
    def rows(self) -> int:
        return len(self.added) + len(self.removed) + len(self.changed)


class Remapped(msgspec.Struct, frozen=True, kw_only=True):
    """Traces of one workspace whose interactions were made anew, those included that share a call with the wanted ones.

    ``rows`` says of each how many spans and log records it has; of ``failed`` ones nothing is known. ``incomplete`` are those
    of which a span is missing that others name.
    """

    workspace_id: int
    difference: Difference
    interactions: int
    rows: Mapping[bytes, int]
    incomplete: frozenset[bytes]
    failed: frozenset[bytes]


class _Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace, what is stored of it, and what the mapper makes of it alone; none when it fails."""

    trace_id: bytes
    evidence: Evidence
    before: Sequence[Interaction]
    alone: Sequence[Interaction] | None
    passed_over: int


class Remapper:
    """``executor`` does what takes long beside the event loop. Without ``relevance``, large traces are too large."""

    def __init__(
        self,
        map_of: MapOf,
        *,
        executor: Executor,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        relevance: Relevance | None = None,
    ) -> None:
        self._map_of = map_of
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
            before = await _stored(connection, workspace_id, wanted)
            found = await self._aside(_traces, wanted, evidence, before, self._map_of(workspace_id))
            known.update(found)
            await self._link(connection, workspace_id, known, found, links)
            wanted = [trace_id for trace_id in links if trace_id not in known]
            if not wanted:
                break
        return await self._aside(_remapped, workspace_id, known, links, self._map_of(workspace_id))

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
            for one in trace.before:
                _connect(links, {trace.trace_id, *(source.trace_id for source in one.sources if source.trace_id)})
        starts = _starts_by_response(known.values(), of=found)
        for response_id, trace_id, start_us in await sharing_rows(connection, workspace_id, starts):
            starts[response_id].setdefault(trace_id, start_us)
        for traces in starts.values():
            if len(traces) <= MAX_SHARING:
                _connect(links, traces)

    async def _aside(self, work: Callable[..., _Result], *args: object) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *args)


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


async def _stored(connection: Connection, workspace_id: int, trace_ids: Sequence[bytes]) -> Sequence[Any]:
    cursor = connection.cursor(binary=True)
    await cursor.execute(_STORED, {"workspace_id": workspace_id, "trace_ids": list(trace_ids)})
    return await cursor.fetchall()


def _traces(
    trace_ids: Sequence[bytes], stored: StoredEvidence, rows: Sequence[Any], map_one: MapInteractions
) -> dict[bytes, _Trace]:
    evidence = stored.traces()
    before: dict[bytes, list[Interaction]] = {}
    for row in rows:
        before.setdefault(row.trace_id, []).append(interaction_of(row))
    return {
        trace_id: _Trace(
            trace_id=trace_id,
            evidence=(found := evidence.get(trace_id, Evidence())),
            before=before.get(trace_id, ()),
            alone=_mapped(map_one, [found]),
            # Only of a trace by itself is anything left out.
            passed_over=stored.passed_over,
        )
        for trace_id in trace_ids
    }


def _mapped(map_all: MapInteractions, evidence: Sequence[Evidence]) -> Sequence[Interaction] | None:
    """What the mapper makes of all together, as it is stored, each identity once; none when it fails."""
    spans = [span for one in evidence for span in one.spans]
    records = [record for one in evidence for record in one.log_records]
    if not spans and not records:
        return []
    try:
        found = {_identity(one): one for one in map(as_stored, map_all(spans, records))}
        for one in found.values():
            # What no row can hold fails here, where it is known of which trace it is.
            encode_interaction(one, workspace_id=0)
        return list(found.values())
    except Exception as exc:  # noqa: BLE001 - whatever a trace does to the mapper, its neighbours are none of it
        _log.error("the interactions of a trace cannot be made: %s", place_of(exc))
        return None


def _starts_by_response(traces: Iterable[_Trace], *, of: Mapping[bytes, _Trace]) -> dict[str, dict[bytes, int]]:
    """Response ids that some traces tell, and for each of those the traces that do, with their start."""
    starts: dict[str, dict[bytes, int]] = {}
    for trace in of.values():
        for one in (*(trace.alone or ()), *trace.before):
            if one.response_id:
                starts.setdefault(one.response_id, {})[trace.trace_id] = one.start_time_unix_nano // 1_000
    for trace in traces:
        for one in (*(trace.alone or ()), *trace.before):
            if one.response_id in starts:
                starts[one.response_id].setdefault(trace.trace_id, one.start_time_unix_nano // 1_000)
    return starts


def _connect(links: dict[bytes, set[bytes]], traces: Iterable[bytes]) -> None:
    together = set(traces)
    if len(together) > 1:
        for trace_id in together:
            links.setdefault(trace_id, set()).update(together)


def _remapped(
    workspace_id: int, known: Mapping[bytes, _Trace], links: Mapping[bytes, set[bytes]], map_all: MapInteractions
) -> Remapped:
    usable = {trace_id: trace for trace_id, trace in known.items() if trace.alone is not None}
    before: list[Interaction] = []
    after: list[Interaction] = []
    for component in _components(usable, links):
        together = None
        if len(component) > 1:
            together = _mapped(map_all, [usable[trace_id].evidence for trace_id in sorted(component)])
        for trace_id in component:
            before += usable[trace_id].before
            # What fails only together stays apart.
            after += (usable[trace_id].alone or ()) if together is None else ()
        after += together or ()
    return Remapped(
        workspace_id=workspace_id,
        difference=difference(before, after),
        interactions=len(after),
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


def difference(before: Iterable[Interaction], after: Iterable[Interaction]) -> Difference:
    """What makes of the rows ``before`` those of ``after``, both as they are stored."""
    old = {_identity(one): one for one in before}
    new = {_identity(one): one for one in after}
    return Difference(
        added=[new[identity] for identity in new.keys() - old.keys()],
        removed=[old[identity] for identity in old.keys() - new.keys()],
        changed=[(old[one], new[one]) for one in new.keys() & old.keys() if not same(old[one], new[one])],
    )


def same(one: Interaction, other: Interaction) -> bool:
    """Whether two say the same. Not a number is, for once, the same as itself."""
    if one == other:
        return True
    bare, other_bare = (msgspec.structs.replace(each, parameters={}) for each in (one, other))
    return bare == other_bare and _canonical(one.parameters) == _canonical(other.parameters)


def _canonical(parameters: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(parameters, order="sorted")


async def replace_rows(connection: Connection, workspace_id: int, wanted: Difference) -> None:
    """Brings the stored rows to what they should be, in the transaction of the caller.

    Raises:
        psycopg.errors.UniqueViolation: a row was stored meanwhile; begin anew.
    """
    gone = [*wanted.removed, *(old for old, _ in wanted.changed)]
    come = [*wanted.added, *(new for _, new in wanted.changed)]
    if gone:
        parameters = {
            "workspace_id": workspace_id,
            "trace_ids": [one.trace_id for one in gone],
            "span_ids": [one.span_id for one in gone],
            "starts": [_moment(one.start_time_unix_nano // 1_000) for one in gone],
        }
        await connection.execute(_STATEMENTS["remove"], parameters)
    if come:
        rows = [encode_interaction(one, workspace_id=workspace_id) for one in sorted(come, key=_identity)]
        # Any: a table does not care what rows a connection gives.
        await INTERACTION_TABLE.copy(cast("AsyncConnection", connection), rows)


def _identity(one: Interaction) -> Identity:
    return one.trace_id, one.span_id, one.start_time_unix_nano // 1_000


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
