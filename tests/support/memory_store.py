"""A trace store over a plain dictionary: slow, obvious, and the oracle for every other implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from storage.api import (
    Operation,
    SearchCursor,
    ServiceEdge,
    ServiceMap,
    SpanCursor,
    SpanPage,
    StoreHealth,
    Tag,
    TraceOutline,
    TracePage,
    TraceSearch,
    Window,
)
from tests.support.canonical import canonical
from tests.support.memory_log_store import MemoryLogStore
from tests.support.outline import outline_of, page_of
from tests.support.service_map import service_edges_of, service_map_of, start_us
from tracedata import Attributes, Batch, Receipt, Span, SpanKind, StatusCode, Value
from tracedata.printed import printed, printed_json


class MemoryStore:
    """Implements ``SpanWriter`` and ``SpanReader``; ``logs`` reads what else was written."""

    def __init__(self) -> None:
        # Keyed by workspace and content, so that what is sent again finds its own place taken.
        self._spans: dict[tuple[int, object], Span] = {}
        self.logs = MemoryLogStore()

    async def start(self) -> None:
        """Nothing to start."""

    async def aclose(self) -> None:
        """Nothing to release; what is stored stays readable."""

    async def consume(self, batch: Batch) -> Receipt:
        for span in batch.spans:
            self._spans.setdefault((batch.workspace_id, canonical(span)), span)
        self.logs.keep(batch.workspace_id, batch.log_records)
        return Receipt(accepted=len(batch.spans) + len(batch.log_records), rejections=batch.rejections)

    async def health(self) -> StoreHealth:
        return StoreHealth(
            server_version="memory", schema_version=0, fsync=False, full_page_writes=False, synchronous_commit=False
        )

    async def services(self, workspace_id: int) -> Sequence[str]:
        return sorted({span.resource.service_name for span in self.spans_of(workspace_id)} - {""})

    async def operations(self, workspace_id: int, *, service: str, kind: int | None = None) -> Sequence[Operation]:
        found = {
            (span.name, int(span.kind))
            for span in self.spans_of(workspace_id)
            if span.resource.service_name == service and kind in (None, span.kind)
        }
        return [Operation(name=name, kind=number) for name, number in sorted(found)]

    async def find_traces(self, search: TraceSearch) -> TracePage:
        newest: dict[bytes, int] = {}
        for span in self.spans_of(search.workspace_id):
            if span_matches(span, search):
                newest[span.trace_id] = max(start_us(span), newest.get(span.trace_id, 0))
        ranked = sorted(((start, trace_id) for trace_id, start in newest.items()), reverse=True)
        if search.after is not None:
            last = (search.after.start_us, search.after.trace_id)
            ranked = [place for place in ranked if place < last]
        page = ranked[: search.limit]
        more = len(ranked) > len(page) > 0
        cursor = SearchCursor(start_us=page[-1][0], trace_id=page[-1][1]) if more else None
        return TracePage(trace_ids=[trace_id for _, trace_id in page], cursor=cursor)

    async def get_traces(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[Span]]:
        wanted = set(trace_ids)
        found: dict[bytes, list[Span]] = {}
        for span in self.spans_of(workspace_id):
            if span.trace_id in wanted:
                found.setdefault(span.trace_id, []).append(span)
        for spans in found.values():
            spans.sort(key=lambda span: (span.start_time_unix_nano, span.span_id))
        return found

    async def trace_spans(
        self, workspace_id: int, trace_id: bytes, *, limit: int, after: SpanCursor | None = None
    ) -> SpanPage:
        spans = (await self.get_traces(workspace_id, [trace_id])).get(trace_id, ())
        return page_of(spans, limit=limit, after=after)

    async def outlines(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceOutline]:
        traces = await self.get_traces(workspace_id, trace_ids)
        return {trace_id: outline_of(spans) for trace_id, spans in traces.items()}

    async def service_map(self, window: Window) -> ServiceMap:
        return service_map_of(self.spans_of(window.workspace_id), window)

    async def service_edges(self, window: Window) -> Sequence[ServiceEdge]:
        return service_edges_of(self.spans_of(window.workspace_id), window)

    def spans_of(self, workspace_id: int) -> list[Span]:
        """All spans of a workspace, as they came."""
        return [span for (owner, _), span in self._spans.items() if owner == workspace_id]


def span_matches(span: Span, search: TraceSearch) -> bool:
    """Whether every predicate of the search holds on this span."""
    return (
        search.start_us <= start_us(span) <= search.end_us
        and search.service in (None, span.resource.service_name)
        and search.operation in (None, span.name)
        and (search.min_duration_ns is None or search.min_duration_ns <= span.duration_ns)
        and (search.max_duration_ns is None or span.duration_ns <= search.max_duration_ns)
        and (not search.status_codes or span.status_code in search.status_codes)
        and all(tag_holds(span, tag) for tag in search.tags)
    )


def tag_holds(span: Span, tag: Tag) -> bool:
    """Whether one attribute predicate holds on this span."""
    special = _SPECIAL.get(tag.key)
    if special is not None:
        return special(span) == tag.value
    if tag.key.startswith("resource."):
        return _holds(span.resource.attributes, key=tag.key.removeprefix("resource."), text=tag.value)
    return any(_holds(attributes, key=tag.key, text=tag.value) for attributes in _places(span))


def _places(span: Span) -> Iterator[Attributes]:
    yield span.attributes
    yield span.scope.attributes
    yield span.resource.attributes
    yield from (event.attributes for event in span.events)
    yield from (link.attributes for link in span.links)


def _holds(attributes: Attributes, *, key: str, text: str) -> bool:
    return key in attributes and prints_as(attributes[key], text)


def prints_as(value: Value, text: str) -> bool:
    """Whether ``text`` stands for ``value``: its printed form or, for arrays and maps, the same JSON value."""
    if printed(value) == text:
        return True
    is_structure = isinstance(value, (Mapping, Sequence)) and not isinstance(value, (str, bytes))
    return is_structure and _same_json(printed(value), text)


def _same_json(left: str, right: str) -> bool:
    try:
        return printed_json(msgspec.json.decode(left)) == printed_json(msgspec.json.decode(right))
    except (msgspec.DecodeError, RecursionError):
        return False


def _error(span: Span) -> str:
    return "true" if span.status_code == StatusCode.ERROR else "false"


def _kind(span: Span) -> str | None:
    return SpanKind(span.kind).name.lower() if span.kind in set(SpanKind) else None


def _status(span: Span) -> str | None:
    return StatusCode(span.status_code).name.lower() if span.status_code in set(StatusCode) else None


_SPECIAL: Mapping[str, Callable[[Span], str | None]] = {
    "error": _error,
    "span.kind": _kind,
    "span.status": _status,
    "scope.name": lambda span: span.scope.name,
    "scope.version": lambda span: span.scope.version,
}
