"""Jaeger's HTTP APIs over doubles, and clients of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from relayscope.api.app import create_app
from relayscope.api.jaeger import JaegerAccess
from storage.api import SpanReader
from storage.archive import ArchivedTrace
from storage.span_metrics import SpanMetricsPoint, SpanMetricsQuery
from tracedata import RelayscopeError

NOW_NS = 1_700_000_000_123_456_789
NOW_US = NOW_NS // 1_000


@asynccontextmanager
async def serving(reader: SpanReader, access: JaegerAccess | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application; its clock stands at ``NOW_NS``."""
    app = create_app(reader, clock=lambda: NOW_NS, jaeger_access=access)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://relayscope") as client:
        yield client


class FixedArchive:
    """Knows some traces, and remembers what became of them, and by whom."""

    def __init__(self, *known: bytes, failure: RelayscopeError | None = None) -> None:
        self.span_count = 3
        self.calls: list[tuple[str, int, bytes, str]] = []
        self.kept: set[bytes] = set()
        self._known = known
        self._failure = failure

    async def archive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> ArchivedTrace | None:
        self._note("archive", workspace_id, trace_id, actor)
        if trace_id not in self._known:
            return None
        self.kept.add(trace_id)
        return await self.archived(workspace_id, trace_id)

    async def unarchive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> bool:
        self._note("unarchive", workspace_id, trace_id, actor)
        was_kept = trace_id in self.kept
        self.kept.discard(trace_id)
        return was_kept

    async def archived(self, workspace_id: int, trace_id: bytes) -> ArchivedTrace | None:
        self._note("archived", workspace_id, trace_id, "")
        if trace_id not in self.kept:
            return None
        archived_at = datetime(2026, 1, 15, 12, 0, 0, 250_000, UTC)
        return ArchivedTrace(trace_id=trace_id, archived_at=archived_at, span_count=self.span_count)

    def _note(self, action: str, workspace_id: int, trace_id: bytes, actor: str) -> None:
        if self._failure is not None:
            raise self._failure
        self.calls.append((action, workspace_id, trace_id, actor))


class FixedMetrics:
    """Gives the same points, whatever it is asked, and remembers that."""

    def __init__(self, *points: SpanMetricsPoint, failure: RelayscopeError | None = None) -> None:
        self.queries: list[SpanMetricsQuery] = []
        self._points = points
        self._failure = failure

    async def span_metrics(self, query: SpanMetricsQuery) -> Sequence[SpanMetricsPoint]:
        if self._failure is not None:
            raise self._failure
        self.queries.append(query)
        return self._points
