"""What a trace store does, so that it can be implemented from these comments alone.

``tests/contract/storage`` holds the suite that every implementation passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from tracedata import Consumer, Span

DEFAULT_WORKSPACE_ID = 1


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A span name of a service, with its kind (``SpanKind`` number)."""

    name: str
    kind: int


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute predicate: ``key`` is present with a value whose printed form is ``value``.

    Looked for in span, scope, resource, event and link attributes (any of them). Printed forms are those of
    ``tracedata.printed``. Special keys, as in Jaeger: ``error`` (true | false), ``span.kind``,
    ``span.status`` (unset | ok | error), ``scope.name``, ``scope.version``, and ``resource.<key>``, which looks
    only at the resource.
    """

    key: str
    value: str


class SearchCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a trace in a result: the start of its newest matching span (microseconds), then its id."""

    start_us: int
    trace_id: bytes


class TraceSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces are wanted: those with at least one span on which *every* given predicate holds.

    Times are Unix microseconds and bound the start of the matching span (cut to microseconds), both ends included.
    Durations are nanoseconds, both ends included. ``status_codes`` lists the accepted codes; none given means any.
    """

    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    service: str | None = None
    operation: str | None = None
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    status_codes: Sequence[int] = ()
    tags: Sequence[Tag] = ()
    after: SearchCursor | None = None


class TracePage(msgspec.Struct, frozen=True, kw_only=True):
    """Traces by the start of their newest matching span, newest first; ``cursor`` when there may be more."""

    trace_ids: Sequence[bytes]
    cursor: SearchCursor | None = None


class SpanCursor(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a span in its trace: its start, its id, and what orders different spans with the same of both.

    ``tie`` is the store's own: nobody else gives it a meaning.
    """

    start_time_unix_nano: int
    span_id: bytes
    tie: int


class SpanPage(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of one trace by start and id; ``cursor`` when there may be more."""

    spans: Sequence[Span]
    cursor: SpanCursor | None = None


MAX_OUTLINE_FAILED = 100
MAX_OUTLINE_FIRST = 100


class TraceOutline(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told of a trace, of any size, without all of its spans.

    Counts, times and services are those of all spans; the end is the latest moment at which one starts or ends.
    ``services`` are sorted, none twice. ``root`` is the earliest span without a parent; when there is none, the
    earliest span. ``failed`` are the earliest spans with an error, ``first`` the earliest of all: no more than
    ``MAX_OUTLINE_FAILED`` and ``MAX_OUTLINE_FIRST``, by start and id.
    """

    span_count: int
    error_count: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    services: Sequence[str]
    root: Span
    failed: Sequence[Span]
    first: Sequence[Span]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A time range in Unix microseconds: start included, end excluded."""

    workspace_id: int
    start_us: int
    end_us: int


class CallStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Calls counted over a window; latencies in milliseconds."""

    calls: int
    errors: int
    p50_ms: float
    p95_ms: float
    p99_ms: float


class ServiceNode(msgspec.Struct, frozen=True, kw_only=True):
    """A service and the calls that entered it: spans without a parent in the same service."""

    service: str
    spans: int
    statistics: CallStatistics


class ServiceEdge(msgspec.Struct, frozen=True, kw_only=True):
    """Calls from one service to another, counted on the callee's spans. ``parent == child`` is a self edge.

    ``is_async``: the callee is no child of the caller's span. It consumes, and links to a span of another trace that produces.
    """

    parent: str
    child: str
    statistics: CallStatistics
    is_async: bool = False


PeerKind: TypeAlias = Literal["database", "messaging", "model", "external"]


class PeerEdge(msgspec.Struct, frozen=True, kw_only=True):
    """Calls between a service and something that sends no spans itself, counted on the spans of the service.

    ``kind`` and ``peer`` name it, with its ``system`` where that is told, such as ``postgresql``: a database by its namespace, or else its
    address; a broker by the destination of its messages; a provider of models; anything else by its name or address. ``is_inbound``: messages
    that the service took from it, rather than calls of the service.
    """

    kind: PeerKind
    service: str
    peer: str
    system: str
    statistics: CallStatistics
    is_inbound: bool = False


class PeerNode(msgspec.Struct, frozen=True, kw_only=True):
    """Something that sends no spans itself, as ``PeerEdge`` names it, and all calls of services to it and from it."""

    kind: PeerKind
    peer: str
    system: str
    statistics: CallStatistics


class ServiceMap(msgspec.Struct, frozen=True, kw_only=True):
    """Services, the calls between them, and what else they call; sorted.

    A self edge here is a call that a service makes to itself: its span serves or consumes, and so does not stand for work within.
    """

    nodes: Sequence[ServiceNode]
    edges: Sequence[ServiceEdge]
    peers: Sequence[PeerEdge] = ()
    peer_nodes: Sequence[PeerNode] = ()


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """SQL in PostgreSQL's dialect with ``%(name)s`` placeholders, and the values for them.

    ``terms`` are groups of terms (``tracedata.term``): every span that a search finds has one of each group. None when nothing
    is known of what is found.
    """

    sql: str
    parameters: Mapping[str, object]
    terms: Sequence[Sequence[int]] = ()


class SearchPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a search: starts in Unix microseconds, both ends included.

    With ``in_chunks``, only spans of the chunks ``%(chunks)s`` count, whose numbers lie between ``%(first_chunk)s`` and
    ``%(last_chunk)s``; they come in no order, and all of them.
    """

    start_us: int
    end_us: int
    in_chunks: bool = False


class StoreHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the store answers, and what it is."""

    server_version: str
    schema_version: int
    fsync: bool
    full_page_writes: bool
    synchronous_commit: bool


class SpanWriter(Consumer, Protocol):
    """Makes batches durable.

    ``consume`` returns after the commit. A span that is stored already (same ids, start and content) is counted
    as accepted and stored once; two different spans with the same ids are both kept.
    """

    async def start(self) -> None: ...

    async def aclose(self) -> None:
        """Commits what was handed over, then releases everything. Idempotent, and safe before ``start``."""
        ...


class SpanReader(Protocol):
    """Answers for what is stored. Rows of other workspaces are never visible.

    Every method raises ``RetryableError`` when the store cannot be reached.
    """

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    async def health(self) -> StoreHealth: ...

    async def services(self, workspace_id: int) -> Sequence[str]:
        """Names of all services, sorted; none twice, none empty."""
        ...

    async def operations(self, workspace_id: int, *, service: str, kind: int | None = None) -> Sequence[Operation]:
        """Operations of a service, sorted by name and kind; empty for an unknown service."""
        ...

    async def find_traces(self, search: TraceSearch) -> TracePage:
        """At most ``search.limit`` trace ids, exactly that many while there are enough; pages never repeat a trace."""
        ...

    async def get_traces(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[Span]]:
        """All spans of the given traces, each ordered by start and id. Unknown ids are left out."""
        ...

    async def trace_spans(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> SpanPage:
        """The spans of one trace after a place, at most ``limit``; following cursors gives each span once."""
        ...

    async def outlines(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceOutline]:
        """Outlines of the given traces. Unknown ids are left out."""
        ...

    async def service_map(self, window: Window) -> ServiceMap:
        """Statistics per named service over spans that start in the window, calls whose callee does, and peers.

        Here and in ``service_edges`` a parent is a span of the same trace with the id that the child names, and starts less than 24 hours
        before or after it. A percentile is off by ``storage.latency.MAX_RELATIVE_ERROR`` at most; a negative duration counts as none.
        A client that names a peer which is neither a database nor a broker has called a service when a span of another service is its
        child; then it is no call of that peer.
        """
        ...

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        """Parents and children of named services, the callee starting in the window, sorted by parent and child.

        Self edges are included, work within a service among them. A call whose parent id belongs to spans of several services counts for
        each of them, and once for each however many spans have that id.
        """
        ...


__all__ = [
    "DEFAULT_WORKSPACE_ID",
    "MAX_OUTLINE_FAILED",
    "MAX_OUTLINE_FIRST",
    "CallStatistics",
    "Operation",
    "PeerEdge",
    "PeerKind",
    "PeerNode",
    "SearchCursor",
    "SearchPart",
    "ServiceEdge",
    "ServiceMap",
    "ServiceNode",
    "SpanCursor",
    "SpanPage",
    "SpanReader",
    "SpanWriter",
    "Statement",
    "StoreHealth",
    "Tag",
    "TraceOutline",
    "TracePage",
    "TraceSearch",
    "Window",
]
