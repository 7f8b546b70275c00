"""Finding traces, and sending them page by page: a trace of any size is never in memory as a whole, nor mixed with another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import NamedTuple, TypeAlias

from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.jaeger.finding import Wanted, find_trace_ids
from relayscope.api.rpc.weight import weight_of
from storage.api import SpanPage, SpanReader
from storage.archive import TraceArchive
from storage.trace_query import TraceQueryReader
from storage.trace_summary import TraceSummary, TraceSummaryReader
from tracedata import Span

Encode: TypeAlias = Callable[[Sequence[Span]], list[bytes]]

PAGE_SPANS = 500
# A span may have millions of characters. The first page of a trace is short, and others hold about as much as this.
OPENING_SPANS = 50
PAGE_CHARS = 8 << 20
_GROWTH = 4
# A search finds many small traces, which are not worth waiting for one by one.
_TRACES_AT_ONCE = 4
_SUMMARIES_AT_ONCE = 50
# A larger trace is sent as it is stored: adjusting needs all of its spans at once.
MAX_ADJUSTED_SPANS = 20_000
MAX_ADJUSTED_CHARS = 64 << 20


class TraceSource(NamedTuple):
    """The store. Without an archive, nothing can be archived. ``max_clock_skew_ns`` is what adjusting may move a span by."""

    reader: SpanReader
    queries: TraceQueryReader
    summaries: TraceSummaryReader
    archive: TraceArchive | None = None
    max_clock_skew_ns: int = 0


class Traces:
    """Traces of one workspace."""

    def __init__(self, source: TraceSource, *, workspace_id: int, max_adjusted_spans: int = MAX_ADJUSTED_SPANS) -> None:
        self._source = source
        self._max_adjusted_spans = max_adjusted_spans
        self.workspace_id = workspace_id
        # Several threads that make messages would only keep the event loop waiting longer.
        self._encoding = asyncio.Semaphore(1)

    async def find(self, wanted: Wanted) -> Sequence[bytes]:
        """See ``find_trace_ids``. gRPC cancels what its client no longer waits for."""
        return await find_trace_ids(wanted, self._source.reader, self._source.queries)

    async def chunks(self, trace_ids: Sequence[bytes], encode: Encode, *, is_raw: bool = True) -> AsyncIterator[bytes]:
        """Messages of the traces that are there, one after the other. Unless raw, they are adjusted as Jaeger does it."""
        for first in range(0, len(trace_ids), _TRACES_AT_ONCE):
            part = trace_ids[first : first + _TRACES_AT_ONCE]
            openings = await asyncio.gather(*(self._page(trace_id) for trace_id in part))
            for trace_id, opening in zip(part, openings, strict=True):
                async with aclosing(self._portions(trace_id, opening, is_raw=is_raw)) as portions:
                    async for portion in portions:
                        for message in await self._encoded(portion, encode):
                            yield message

    async def summaries(self, trace_ids: Sequence[bytes]) -> AsyncIterator[Sequence[TraceSummary]]:
        """Summaries of the traces that are there, in their order."""
        for first in range(0, len(trace_ids), _SUMMARIES_AT_ONCE):
            part = trace_ids[first : first + _SUMMARIES_AT_ONCE]
            found = await self._source.summaries.trace_summaries(self.workspace_id, part)
            present = [found[trace_id] for trace_id in part if trace_id in found]
            if present:
                yield present

    async def _portions(self, trace_id: bytes, page: SpanPage, *, is_raw: bool) -> AsyncGenerator[Sequence[Span], None]:
        if is_raw:
            async for spans in self._pages(trace_id, page):
                yield spans
            return
        held: list[Span] = []
        weight = 0
        is_whole = True
        async for spans in self._pages(trace_id, page):
            if not is_whole:
                yield spans
                continue
            held += spans
            weight += weight_of(spans)
            if len(held) > self._max_adjusted_spans or weight > MAX_ADJUSTED_CHARS:
                is_whole = False
                for portion in _slices(held):
                    yield portion
                held = []
        if held:
            for portion in _slices(await asyncio.to_thread(self._adjusted, held)):
                yield portion

    def _adjusted(self, spans: Sequence[Span]) -> Sequence[Span]:
        return adjust_trace(spans, max_clock_skew_ns=self._source.max_clock_skew_ns)

    async def _pages(self, trace_id: bytes, page: SpanPage) -> AsyncIterator[Sequence[Span]]:
        limit = OPENING_SPANS
        yield page.spans
        while page.cursor is not None:
            limit = _next_limit(page.spans, limit)
            page = await self._source.reader.trace_spans(self.workspace_id, trace_id, limit=limit, after=page.cursor)
            yield page.spans

    async def _page(self, trace_id: bytes) -> SpanPage:
        return await self._source.reader.trace_spans(self.workspace_id, trace_id, limit=OPENING_SPANS)

    async def _encoded(self, spans: Sequence[Span], encode: Encode) -> list[bytes]:
        async with self._encoding:
            return await asyncio.to_thread(encode, spans)


def _slices(spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """Portions of a page each, so that no thread keeps the event loop waiting for long."""
    return (spans[first : first + PAGE_SPANS] for first in range(0, len(spans), PAGE_SPANS))


def _next_limit(spans: Sequence[Span], limit: int) -> int:
    """How many spans the next page may have: as many as fit if they are like these, and not many more than were read."""
    fitting = PAGE_CHARS * len(spans) // max(1, weight_of(spans))
    return max(1, min(fitting, limit * _GROWTH, PAGE_SPANS))
