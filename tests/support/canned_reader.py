"""A ``SpanReader`` and ``LogReader`` with prepared answers that remembers what it was asked, for tests of what stands before a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from storage.api import (
    CallStatistics,
    Operation,
    PeerEdge,
    PeerNode,
    ServiceEdge,
    ServiceMap,
    ServiceNode,
    SpanCursor,
    SpanPage,
    StoreHealth,
    TraceOutline,
    TracePage,
    TraceSearch,
    Window,
)
from storage.log_record import LogCursor, LogPage, LogSearch
from tests.support.outline import outline_of, page_of
from tracedata import LogRecord, Resource, RetryableError, Scope, Span

START_NS = 1_738_324_800_123_456_789
TRACE_ID = bytes.fromhex("5b8efff798038103d269b633813fc60c")
GATEWAY = Resource(attributes={"service.name": "gateway"})
PROVIDER = Resource(attributes={"service.name": "provider"})
SCOPE = Scope(name="tests")
HEALTHY = StoreHealth(
    server_version="18.0", schema_version=3, fsync=True, full_page_writes=True, synchronous_commit=True
)


def statistics(calls: int = 10, errors: int = 1) -> CallStatistics:
    return CallStatistics(calls=calls, errors=errors, p50_ms=1.0, p95_ms=2.5, p99_ms=9.75)


def node(service: str) -> ServiceNode:
    return ServiceNode(service=service, spans=20, statistics=statistics())


def edge(parent: str, child: str, calls: int = 10) -> ServiceEdge:
    return ServiceEdge(parent=parent, child=child, statistics=statistics(calls))


@dataclass
class CannedReader:
    """Answers from its fields; ``asked`` keeps the last question. With ``broken``, nothing can be reached.

    ``workspaces`` holds every workspace that was asked about.
    """

    spans: Sequence[Span] = ()
    page: TracePage = field(default_factory=lambda: TracePage(trace_ids=()))
    names: Sequence[str] = ()
    known_operations: Mapping[str, Sequence[Operation]] = field(default_factory=dict)
    nodes: Sequence[ServiceNode] = ()
    edges: Sequence[ServiceEdge] = ()
    peers: Sequence[PeerEdge] = ()
    peer_nodes: Sequence[PeerNode] = ()
    state: StoreHealth = HEALTHY
    broken: Exception | None = None
    records: Sequence[LogRecord] = ()
    log_page: LogPage = field(default_factory=lambda: LogPage(records=()))
    asked: TraceSearch | LogSearch | Window | None = None
    workspaces: set[int] = field(default_factory=set)

    async def start(self) -> None:
        """Nothing to start."""

    async def aclose(self) -> None:
        """Nothing to release."""

    async def health(self) -> StoreHealth:
        self._reach()
        return self.state

    async def services(self, workspace_id: int) -> Sequence[str]:
        self._reach(workspace_id)
        return self.names

    async def operations(self, workspace_id: int, *, service: str, kind: int | None = None) -> Sequence[Operation]:
        self._reach(workspace_id)
        known = self.known_operations.get(service, ())
        return [operation for operation in known if kind in (None, operation.kind)]

    async def find_traces(self, search: TraceSearch) -> TracePage:
        self._reach(search.workspace_id)
        self.asked = search
        return self.page

    async def get_traces(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[Span]]:
        self._reach(workspace_id)
        ordered = sorted(self.spans, key=lambda span: (span.trace_id, span.start_time_unix_nano, span.span_id))
        traces = {trace_id: list(spans) for trace_id, spans in groupby(ordered, key=lambda span: span.trace_id)}
        return {trace_id: traces[trace_id] for trace_id in trace_ids if trace_id in traces}

    async def trace_spans(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> SpanPage:
        spans = (await self.get_traces(workspace_id, [trace_id])).get(trace_id, ())
        return page_of(spans, limit=limit, after=after)

    async def outlines(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceOutline]:
        traces = await self.get_traces(workspace_id, trace_ids)
        return {trace_id: outline_of(spans) for trace_id, spans in traces.items()}

    async def service_map(self, window: Window) -> ServiceMap:
        self._reach(window.workspace_id)
        self.asked = window
        return ServiceMap(nodes=self.nodes, edges=self.edges, peers=self.peers, peer_nodes=self.peer_nodes)

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        self._reach(window.workspace_id)
        self.asked = window
        return self.edges

    async def trace_log_records(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: LogCursor | None = None
    ) -> LogPage:
        del after
        self._reach(workspace_id)
        return LogPage(records=[record for record in self.records if record.trace_id == trace_id][:limit])

    async def find_log_records(self, search: LogSearch) -> LogPage:
        self._reach(search.workspace_id)
        self.asked = search
        return self.log_page

    def _reach(self, *workspace_ids: int) -> None:
        self.workspaces.update(workspace_ids)
        if self.broken is not None:
            raise self.broken


def unreachable() -> CannedReader:
    return CannedReader(broken=RetryableError("The store cannot be reached.", retry_after_s=2.5))
