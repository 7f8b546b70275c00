"""A store under test: where to write and where to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from storage.api import DEFAULT_WORKSPACE_ID, SpanReader, SpanWriter, TraceSearch
from storage.frame import FrameReader
from storage.log_record import LogReader, LogSearch
from storage.sample import SampleReader
from tests.support.factory import batch, log_batch, replaced_search
from tracedata import LogRecord, Receipt, Span


@dataclass(frozen=True, kw_only=True)
class Store:
    """Both halves of one implementation, started."""

    writer: SpanWriter
    reader: SpanReader
    logs: LogReader
    frames: FrameReader
    samples: SampleReader

    async def put(self, *spans: Span, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Receipt:
        """Stores the spans as one batch."""
        return await self.writer.consume(batch(*spans, workspace_id=workspace_id))

    async def trace(self, trace_id: bytes, *, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Sequence[Span]:
        """The spans of one trace; none when it is unknown."""
        return (await self.reader.get_traces(workspace_id, [trace_id])).get(trace_id, [])

    async def found(self, search: TraceSearch) -> list[bytes]:
        """The trace ids on the first page."""
        return list((await self.reader.find_traces(search)).trace_ids)

    async def pages(self, search: TraceSearch) -> list[list[bytes]]:
        """All pages, following cursors to the end; every page but the last is full, and none repeats a trace."""
        pages: list[list[bytes]] = []
        seen: set[bytes] = set()
        while True:
            page = await self.reader.find_traces(search)
            assert seen.isdisjoint(page.trace_ids), "a page repeats a trace"
            seen.update(page.trace_ids)
            pages.append(list(page.trace_ids))
            if page.cursor is None:
                return pages
            assert len(page.trace_ids) == search.limit, "a page that is not full is the last"
            search = replaced_search(search, after=page.cursor)

    async def log(self, *records: LogRecord, workspace_id: int = DEFAULT_WORKSPACE_ID) -> Receipt:
        """Stores the records as one batch."""
        return await self.writer.consume(log_batch(*records, workspace_id=workspace_id))

    async def logged(self, search: LogSearch) -> Sequence[LogRecord]:
        """The records of all pages, each of which but the last is full."""
        found: list[LogRecord] = []
        while True:
            page = await self.logs.find_log_records(search)
            found += page.records
            if page.cursor is None:
                return found
            assert len(page.records) == search.limit, "a page that is not full is the last"
            search = replace(search, after=page.cursor)
