"""Reads the spans that a search finds, newest first: by time as long as they are frequent, then by their chunks.

A value that many spans have is found among the newest of them; for one that few have, the index of terms (ADR 0015) says in which
chunks to look. Spans that have no chunk, which a release before the index stored, come last, by time. Rows are the same in
each case, and in the same order: by start, then by trace id, both descending.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString, NamedTuple, Protocol

import msgspec

from storage.api import SearchCursor, SearchPart, Statement
from storage.postgres.error import translated
from storage.postgres.read_pool import BY_INDEX
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row

NEWEST_SPANS = 1_000
# How many times more when they are of one service.
_OF_SERVICE = 4
_STATEMENTS = load_statements("candidate.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
_US_PER_HOUR = 3_600_000_000
# Below the id of every trace.
_NO_ID = bytes(16)
# A page of traces rarely needs more matching spans than this many times its length; when it does, four times more.
_ROWS_PER_TRACE = 8
_GROWTH = 4
_MAX_ROWS = 20_000
# Chunks that are looked at in one statement; then four times more.
_FIRST_CHUNKS = 16
_MAX_CHUNKS = 1_024
# Hours whose chunks are looked up first, where what is frequent is found; then eight times more, again, and then all.
_FIRST_HOURS = 3
_HOURS_GROWTH = 8
_FINITE_SLICES = 3


class Compile(Protocol):
    """Gives the statement of a search, or of a part of it."""

    def __call__(self, *, below: SearchCursor | None = None, part: SearchPart | None = None) -> Statement: ...


class Fetch(Protocol):
    """What ``ReadPool`` does."""

    async def fetch(
        self,
        statement: LiteralString | bytes,
        parameters: Mapping[str, object],
        *,
        action: str,
        planning: LiteralString | None = None,
    ) -> Sequence[Row]: ...


class CandidateSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for: the statements, and what they are bounded by. ``limit`` is the length of a page, in traces.

    ``newest_spans`` is how many spans are looked at before the index is. ``service`` is given where nothing but names and durations
    is asked for: then it is four times as many spans of that service, since chunks with its frequent operations are nearly all.
    """

    compile: Compile
    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    action: str
    after: SearchCursor | None = None
    newest_spans: int = NEWEST_SPANS
    service: str | None = None


class Found(NamedTuple):
    """Some rows; what comes after them is below ``place``."""

    rows: Sequence[Row]
    place: SearchCursor


async def find_candidates(pool: Fetch, search: CandidateSearch) -> AsyncGenerator[Found, None]:
    """All rows that the search has, in portions that grow. Whoever has enough stops asking."""
    with translated(search.action):
        whole = await asyncio.to_thread(search.compile)
    terms = whole.terms
    reader = _Reader(pool, search, whole)
    end_us = search.end_us if search.after is None else min(search.end_us, search.after.start_us)
    edge_us = await reader.edge(end_us) if terms else None
    if edge_us is None:
        async for found in reader.by_time(None):
            yield found
        return
    if edge_us <= end_us:
        async for found in reader.by_time(SearchPart(start_us=edge_us, end_us=end_us)):
            yield found
    unindexed_us = await reader.newest_unindexed(edge_us - 1)
    indexed_from_us = search.start_us if unindexed_us is None else unindexed_us + 1
    async for found in reader.by_chunk(terms, SearchPart(start_us=indexed_from_us, end_us=edge_us - 1, in_chunks=True)):
        yield found
    if unindexed_us is not None:
        async for found in reader.by_time(SearchPart(start_us=search.start_us, end_us=unindexed_us)):
            yield found


class _Reader:
    def __init__(self, pool: Fetch, search: CandidateSearch, whole: Statement) -> None:
        """``whole`` is the statement of the search without bounds."""
        self._pool = pool
        self._search = search
        self._whole = whole

    async def edge(self, end_us: int) -> int | None:
        """When the newest spans of the window start; none when there are no others."""
        if not self._search.newest_spans:
            return end_us + 1
        service, skipped = self._search.service, self._search.newest_spans
        window = self._window(self._search.start_us, end_us)
        if service is None:
            return _only(await self._fetch(_STATEMENTS["edge"], {"skipped": skipped, **window}))
        parameters = {"skipped": skipped * _OF_SERVICE, "service": service, **window}
        return _only(await self._fetch(_STATEMENTS["edge_of_service"], parameters))

    async def newest_unindexed(self, end_us: int) -> int | None:
        """When the newest span without a chunk starts."""
        return _only(await self._fetch(_STATEMENTS["unindexed"], self._window(self._search.start_us, end_us)))

    async def by_time(self, part: SearchPart | None) -> AsyncIterator[Found]:
        below: SearchCursor | None = None
        limit = min(max(self._search.limit * _ROWS_PER_TRACE, 1), _MAX_ROWS)
        while True:
            rows = await self._rows(await self._compiled(part, below=below), {"rows": limit})
            if not rows:
                return
            below = SearchCursor(start_us=rows[-1].start_time, trace_id=rows[-1].trace_id)
            yield Found(rows, below)
            if len(rows) < limit:
                return
            limit = min(limit * _GROWTH, _MAX_ROWS)

    async def by_chunk(self, terms: Sequence[Sequence[int]], part: SearchPart) -> AsyncIterator[Found]:
        """Rows go on as soon as no chunk that was not looked at yet can have a newer one."""
        waiting: list[Row] = []
        known = set[int]()
        size = _FIRST_CHUNKS
        statement: Statement | None = None
        for first_us, last_us in slices(part):
            entries = await self._chunks(terms, part, first_us=first_us, last_us=last_us)
            at = 0
            while at == 0 or at < len(entries):
                numbers = {entry.chunk for entry in entries[at : at + size]} - known
                at += size
                if numbers:
                    size = min(size * _GROWTH, _MAX_CHUNKS)
                    known |= numbers
                    statement = statement or await self._compiled(part)
                    waiting += await self._rows(statement, _of_chunks(sorted(numbers)))
                floor_us = entries[at].to_time if at < len(entries) else first_us - 1
                ready, waiting = _parted(waiting, floor_us)
                yield Found(ready, SearchCursor(start_us=floor_us + 1, trace_id=_NO_ID))

    async def _chunks(
        self, terms: Sequence[Sequence[int]], part: SearchPart, *, first_us: int, last_us: int
    ) -> Sequence[Row]:
        """Those that end in some time and have the terms, newest first; of groups of several only the first is asked for."""
        parameters = {
            "all": [group[0] for group in terms if len(group) == 1],
            "any": next((list(group) for group in terms if len(group) > 1), None),
            "workspace_id": self._search.workspace_id,
            "first": _moment(first_us),
            "last": _moment(last_us),
            "end": _moment(part.end_us),
        }
        statement = "with_all" if parameters["any"] is None else "with_any"
        return await self._fetch(_STATEMENTS[statement], parameters)

    async def _compiled(self, part: SearchPart | None, *, below: SearchCursor | None = None) -> Statement:
        if part is None and below is None:
            return self._whole
        with translated(self._search.action):
            # Aside: what has many conditions takes its time to become a statement.
            return await asyncio.to_thread(self._search.compile, below=below, part=part)

    async def _rows(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        return await self._fetch(statement.sql.encode(), {**statement.parameters, **parameters})

    async def _fetch(self, statement: LiteralString | bytes, parameters: Mapping[str, object]) -> Sequence[Row]:
        return await self._pool.fetch(statement, parameters, action=self._search.action, planning=BY_INDEX)

    def _window(self, start_us: int, end_us: int) -> Mapping[str, object]:
        return {"workspace_id": self._search.workspace_id, "start": _moment(start_us), "end": _moment(end_us)}


def slices(part: SearchPart) -> Iterator[tuple[int, int]]:
    """Times in which chunks end that can have spans of the part, both ends included, newest first: few hours, more, the rest."""
    # A chunk does not go beyond the hour in which its spans start.
    last_us, hours = part.end_us + _US_PER_HOUR, _FIRST_HOURS
    for _ in range(_FINITE_SLICES):
        first_us = last_us - hours * _US_PER_HOUR
        if first_us <= part.start_us:
            break
        yield first_us, last_us
        last_us, hours = first_us - 1, hours * _HOURS_GROWTH
    yield part.start_us, last_us


def _of_chunks(numbers: Sequence[int]) -> Mapping[str, object]:
    return {"chunks": numbers, "first_chunk": numbers[0], "last_chunk": numbers[-1]}


def _parted(rows: Sequence[Row], floor_us: int) -> tuple[list[Row], list[Row]]:
    """The rows above a time in their order, and the others."""
    ready = [row for row in rows if row.start_time > floor_us]
    ready.sort(key=lambda row: (row.start_time, row.trace_id), reverse=True)
    return ready, [row for row in rows if row.start_time <= floor_us]


def _only(rows: Sequence[Row]) -> int | None:
    return rows[0].start_time if rows else None


def _moment(unix_us: int) -> datetime:
    """Moments outside what OTLP can say are moved to its ends, where no span is missed by it."""
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))
