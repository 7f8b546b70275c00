"""A span reader with fixed answers that remembers what it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from storage.api import (
    CallStatistics,
    Operation,
    ServiceEdge,
    ServiceMap,
    SpanCursor,
    SpanPage,
    StoreHealth,
    TraceOutline,
    TracePage,
    TraceSearch,
    Window,
)
from tests.support.outline import outline_of, page_of
from tracedata import Span


def edge(parent: str, child: str, *, calls: int) -> ServiceEdge:
    statistics = CallStatistics(calls=calls, errors=0, p50_ms=1.0, p95_ms=1.0, p99_ms=1.0)
    return ServiceEdge(parent=parent, child=child, statistics=statistics)


class FixedReader:
    """Answers every search with all its traces, in order of insertion, up to the limit."""

    def __init__(
        self,
        *,
        spans: Sequence[Span] = (),
        operations: Mapping[str, Sequence[Operation]] | None = None,
        edges: Sequence[ServiceEdge] = (),
        failure: Exception | None = None,
    ) -> None:
        self.searches: list[TraceSearch] = []
        self.windows: list[Window] = []
        self.workspaces: set[int] = set()
        self.traces: dict[bytes, list[Span]] = {}
        for span in spans:
            self.traces.setdefault(span.trace_id, []).append(span)
        self._operations = operations or {}
        self._edges = edges
        self._failure = failure

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def health(self) -> StoreHealth:
        raise NotImplementedError

    async def services(self, workspace_id: int) -> Sequence[str]:
        self._note(workspace_id)
        return sorted(self._operations)

    async def operations(self, workspace_id: int, *, service: str, kind: int | None = None) -> Sequence[Operation]:
        self._note(workspace_id)
        return [found for found in self._operations.get(service, ()) if kind is None or found.kind == kind]

    async def find_traces(self, search: TraceSearch) -> TracePage:
        self._note(search.workspace_id)
        self.searches.append(search)
        return TracePage(trace_ids=list(self.traces)[: search.limit])

    async def get_traces(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[Span]]:
        self._note(workspace_id)
        return {trace_id: self.traces[trace_id] for trace_id in trace_ids if trace_id in self.traces}

    async def trace_spans(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> SpanPage:
        spans = (await self.get_traces(workspace_id, [trace_id])).get(trace_id, ())
        return page_of(spans, limit=limit, after=after)

    async def outlines(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceOutline]:
        traces = await self.get_traces(workspace_id, trace_ids)
        return {trace_id: outline_of(spans) for trace_id, spans in traces.items()}

    async def service_map(self, window: Window) -> ServiceMap:
        raise NotImplementedError

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        self._note(window.workspace_id)
        self.windows.append(window)
        return self._edges

    def _note(self, workspace_id: int) -> None:
        self.workspaces.add(workspace_id)
        if self._failure is not None:
            raise self._failure
