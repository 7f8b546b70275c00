"""Reads the spans that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import LiteralString, Protocol

import msgspec

from storage.api import (
    MAX_OUTLINE_FAILED,
    MAX_OUTLINE_FIRST,
    Operation,
    SearchCursor,
    SearchPart,
    ServiceEdge,
    ServiceMap,
    SpanCursor,
    SpanPage,
    Statement,
    StoreHealth,
    TraceOutline,
    TracePage,
    TraceSearch,
    Window,
)
from storage.postgres.candidate import NEWEST_SPANS, CandidateSearch, find_candidates
from storage.postgres.jsonb import decode_events, decode_links
from storage.postgres.read_pool import BY_INDEX, BY_KEY, Asked, ReaderConfig, ReadPool
from storage.postgres.rollup_reader import RollupReader
from storage.postgres.row import MAX_SERVICE_NAME_CHARS
from storage.postgres.statement import load_statements
from storage.postgres.stored_part import Row, decode_receipt
from tracedata import Resource, Scope, Span, StatusCode
from tracedata.typed_json import decode_attributes

_STATEMENTS = load_statements("reader.sql")
# The statements that read traces by their ids, under the same names, for traces of which the archive has spans as well: they ask the
# view of both. The last one joins, which a view makes slow.
KEPT: Mapping[str, LiteralString] = {
    name: _STATEMENTS[name].replace("relayscope.spans AS s", "relayscope.kept_spans AS s")
    for name in ("spans", "span_page", "outlines")
} | load_statements("archive_reader.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# No span has an id without any byte.
_BEFORE_ALL = SpanCursor(start_time_unix_nano=0, span_id=b"", tie=0)
_MAX_OTLP_US = 2**64 // 1000


class SearchCompiler(Protocol):
    """Turns a search, or a part of it, into SQL that yields ``(trace_id, start_time)``, newest first, at most ``%(rows)s`` rows."""

    def __call__(
        self, search: TraceSearch, *, below: SearchCursor | None = None, part: SearchPart | None = None
    ) -> Statement: ...


class PostgresSpanReader:
    """``storage.api.SpanReader`` over a pool of read-only connections.

    A search looks at ``newest_spans`` one by one before it asks the index of attributes.
    """

    def __init__(
        self, config: ReaderConfig, *, compile_search: SearchCompiler, newest_spans: int = NEWEST_SPANS
    ) -> None:
        self._newest_spans = newest_spans
        self._pool = ReadPool(config)
        self._compile_search = compile_search
        self._rollups = RollupReader(self._pool)

    @property
    def pool(self) -> ReadPool:
        """For readers of other signals, which live as long as this one."""
        return self._pool

    async def start(self) -> None:
        """Opens the pool; the database need not answer yet."""
        await self._pool.start()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def health(self) -> StoreHealth:
        (row,) = await self._pool.fetch(_STATEMENTS["health"], {}, action="health")
        return StoreHealth(
            server_version=row.server_version,
            schema_version=row.schema_version,
            fsync=row.fsync,
            full_page_writes=row.full_page_writes,
            synchronous_commit=row.synchronous_commit,
        )

    async def services(self, workspace_id: int) -> Sequence[str]:
        rows = await self._pool.fetch(_STATEMENTS["services"], {"workspace_id": workspace_id}, action="services")
        return [row.service_name for row in rows]

    async def operations(self, workspace_id: int, *, service: str, kind: int | None = None) -> Sequence[Operation]:
        parameters = {"workspace_id": workspace_id, "service": service[:MAX_SERVICE_NAME_CHARS], "kind": kind}
        rows = await self._pool.fetch(_STATEMENTS["operations"], parameters, action="operations")
        return [Operation(name=row.name, kind=row.kind) for row in rows]

    async def find_traces(self, search: TraceSearch) -> TracePage:
        """See ``SpanReader``. Reads matching spans newest first and stops when the page is full."""
        if search.service is not None:
            search = msgspec.structs.replace(search, service=search.service[:MAX_SERVICE_NAME_CHARS])
        wanted = CandidateSearch(
            compile=partial(self._compile_search, search),
            workspace_id=search.workspace_id,
            start_us=search.start_us,
            end_us=search.end_us,
            limit=search.limit,
            after=search.after,
            action="search",
            newest_spans=self._newest_spans,
            service=None if search.tags else search.service,
        )
        found: dict[bytes, int] = {}
        async with aclosing(find_candidates(self._pool, wanted)) as portions:
            async for portion in portions:
                for row in portion.rows:
                    found.setdefault(row.trace_id, row.start_time)
                if len(found) > search.limit:
                    break
        page = list(found.items())[: search.limit]
        has_more = len(found) > len(page) > 0
        cursor = SearchCursor(start_us=page[-1][1], trace_id=page[-1][0]) if has_more else None
        return TracePage(trace_ids=[trace_id for trace_id, _ in page], cursor=cursor)

    async def get_traces(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[Span]]:
        parameters = {"workspace_id": workspace_id, "trace_ids": list(trace_ids)}
        (rows,) = await self._kept((workspace_id, trace_ids), {"spans": parameters}, action="trace", planning=BY_INDEX)
        spans = await self._spans(workspace_id, rows)
        return await self._pool.aside(_by_trace, spans)

    async def trace_spans(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> SpanPage:
        """See ``SpanReader``. Spans with the same start and id are told apart by their fingerprints."""
        place = after or _BEFORE_ALL
        start_us, start_ns = divmod(place.start_time_unix_nano, 1_000)
        parameters = {
            "workspace_id": workspace_id,
            "trace_id": trace_id,
            "start": _EPOCH + timedelta(microseconds=start_us),
            "start_ns": start_ns,
            "span_id": place.span_id,
            "fingerprint": place.tie,
            "limit": limit + 1,
        }
        wanted = {"span_page": parameters}
        (rows,) = await self._kept((workspace_id, [trace_id]), wanted, action="trace", planning=BY_INDEX)
        spans = await self._spans(workspace_id, rows[:limit])
        if len(rows) <= limit:
            return SpanPage(spans=spans)
        last, row = spans[-1], rows[limit - 1]
        return SpanPage(
            spans=spans,
            cursor=SpanCursor(
                start_time_unix_nano=last.start_time_unix_nano, span_id=last.span_id, tie=row.fingerprint
            ),
        )

    async def outlines(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceOutline]:
        """See ``SpanReader``. Names of services are as long as they are stored."""
        parameters = {"workspace_id": workspace_id, "trace_ids": list(trace_ids)}
        bounds = {"first": MAX_OUTLINE_FIRST, "failed": MAX_OUTLINE_FAILED}
        wanted = {"outlines": parameters, "outline_spans": {**parameters, **bounds}}
        totals, rows = await self._kept((workspace_id, trace_ids), wanted, action="summary", planning=BY_KEY)
        spans = await self._spans(workspace_id, rows)
        return await self._pool.aside(_outlines, totals, rows, spans)

    async def service_map(self, window: Window) -> ServiceMap:
        return await self._rollups.service_map(window)

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        return await self._rollups.service_edges(window)

    async def _kept(
        self,
        traces: tuple[int, Sequence[bytes]],
        wanted: Mapping[str, Mapping[str, object]],
        *,
        action: str,
        planning: LiteralString,
    ) -> Sequence[Sequence[Row]]:
        """The rows of some statements, which are given by name, with their parameters."""
        spans, kept = ([Asked(place[name], given) for name, given in wanted.items()] for place in (_STATEMENTS, KEPT))
        return await self._pool.fetch_kept(spans, kept, traces=traces, action=action, planning=planning)

    async def _spans(self, workspace_id: int, rows: Sequence[Row]) -> Sequence[Span]:
        resources, scopes = await self._pool.origins(workspace_id, rows)
        return await self._pool.aside(decode_spans, rows, resources=resources, scopes=scopes)


def decode_spans(
    rows: Sequence[Row], *, resources: Mapping[int, Resource], scopes: Mapping[int, Scope]
) -> Sequence[Span]:
    """Spans from rows and the dictionary entries that they refer to, in the order of the rows."""
    return [_span(row, resource=resources[row.resource_id], scope=scopes[row.scope_id]) for row in rows]


def _by_trace(spans: Sequence[Span]) -> Mapping[bytes, Sequence[Span]]:
    return {trace_id: list(group) for trace_id, group in groupby(spans, key=lambda span: span.trace_id)}


def _outlines(totals: Sequence[Row], rows: Sequence[Row], spans: Sequence[Span]) -> Mapping[bytes, TraceOutline]:
    """``rows`` and ``spans`` tell of the same, trace by trace in the order of spans."""
    found: dict[bytes, list[tuple[Row, Span]]] = {}
    for row, span in zip(rows, spans, strict=True):
        found.setdefault(span.trace_id, []).append((row, span))
    # A trace that came or went between the two statements is left out.
    return {total.trace_id: _outline(total, found[total.trace_id]) for total in totals if total.trace_id in found}


def _outline(total: Row, notable: Sequence[tuple[Row, Span]]) -> TraceOutline:
    failed = [span for _, span in notable if span.status_code == StatusCode.ERROR]
    return TraceOutline(
        span_count=total.spans,
        error_count=total.errors,
        start_time_unix_nano=int(total.start_ns),
        end_time_unix_nano=int(total.end_ns),
        services=sorted(total.services),
        root=next((span for row, span in notable if row.is_root), notable[0][1]),
        failed=failed[:MAX_OUTLINE_FAILED],
        first=[span for row, span in notable if row.place <= MAX_OUTLINE_FIRST],
    )


def _span(row: Row, *, resource: Resource, scope: Scope) -> Span:
    start = row.start_time * 1000 + row.start_time_ns
    receipt = decode_receipt(row.redactions)
    return Span(
        trace_id=row.trace_id,
        span_id=row.span_id,
        resource=resource,
        scope=scope,
        parent_span_id=row.parent_span_id or b"",
        trace_state=row.trace_state or "",
        flags=row.flags or 0,
        name=row.name,
        kind=row.kind,
        start_time_unix_nano=start,
        end_time_unix_nano=start + row.duration_ns,
        attributes=decode_attributes(row.attributes),
        dropped_attributes_count=row.dropped_attributes_count or 0,
        events=decode_events(row.events),
        dropped_events_count=row.dropped_events_count or 0,
        links=decode_links(row.links),
        dropped_links_count=row.dropped_links_count or 0,
        status_code=row.status_code,
        status_message=row.status_message or "",
        redactions=receipt.entities,
        redacted_keys=receipt.keys,
        redaction_policy=receipt.policy,
    )
