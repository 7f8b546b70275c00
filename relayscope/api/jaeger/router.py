"""The endpoints of Jaeger's older HTTP JSON API that read, as its web page and Grafana's data source call them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec
from fastapi import APIRouter, Request, Response

from relayscope.api.jaeger import document
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.jaeger.envelope import EnvelopeRoute, answer
from relayscope.api.jaeger.identifier import format_trace_id, parse_trace_id
from relayscope.api.jaeger.model import DependencyLink, Envelope, Failure, Operation
from relayscope.api.jaeger.parameter import (
    TraceLookup,
    check_hints,
    first,
    is_raw,
    read_search,
    read_window,
    required_service,
)
from relayscope.api.jaeger.translation import KIND_NAMES, KINDS, translate_trace
from relayscope.api.rendering import encode_by_part
from relayscope.api.workspace import workspace_of as default_workspace_of
from storage.api import SpanReader
from tracedata import NotFoundError, Span

_NS_PER_US = 1_000
_NOT_FOUND = "trace not found"


def create_router(
    reader: SpanReader,
    *,
    workspace_of: Callable[[Request], int] = default_workspace_of,
    clock_ns: Callable[[], int] = time.time_ns,
    max_clock_skew_ns: int = 0,
) -> APIRouter:
    """Routes below ``/api``.

    ``clock_ns`` is what "now" means, in Unix nanoseconds. By up to ``max_clock_skew_ns`` spans are moved in a trace that is
    shown, to where their parents say that they must have been.
    """
    endpoints = _Endpoints(reader, workspace_of=workspace_of, clock_ns=clock_ns, max_clock_skew_ns=max_clock_skew_ns)
    router = APIRouter(prefix="/api", tags=["jaeger"], route_class=EnvelopeRoute, default_response_class=Response)
    router.add_api_route(
        "/services",
        endpoints.services,
        summary="Names of all services",
        openapi_extra=document.document(),
    )
    router.add_api_route(
        # A service name may have slashes in it.
        "/services/{service:path}/operations",
        endpoints.operation_names,
        summary="Names of the operations of a service",
        openapi_extra=document.document(document.in_path("service", "The name of a service.")),
    )
    router.add_api_route(
        "/operations",
        endpoints.operations,
        summary="Operations of a service with their kinds",
        openapi_extra=document.document(*document.OPERATIONS, failures=(400, 503)),
    )
    router.add_api_route(
        "/traces",
        endpoints.traces,
        summary="Search for traces, newest first",
        openapi_extra=document.document(*document.SEARCH, failures=(400, 503)),
    )
    router.add_api_route(
        "/traces/{traceID}",
        endpoints.trace,
        summary="One trace",
        openapi_extra=document.document(*document.TRACE, failures=(400, 404, 503)),
    )
    router.add_api_route(
        "/dependencies",
        endpoints.dependencies,
        summary="Calls between services",
        openapi_extra=document.document(*document.DEPENDENCIES, failures=(400, 503)),
    )
    return router


class _Endpoints:
    def __init__(
        self,
        reader: SpanReader,
        *,
        workspace_of: Callable[[Request], int],
        clock_ns: Callable[[], int],
        max_clock_skew_ns: int,
    ) -> None:
        self._reader = reader
        self._workspace_of = workspace_of
        self._clock_ns = clock_ns
        self._max_clock_skew_ns = max_clock_skew_ns
        # One answer of whole traces at a time: several threads would only keep the event loop waiting longer.
        self._rendering = asyncio.Semaphore(1)

    async def services(self, request: Request) -> Response:
        """Sorted by name."""
        names = await self._reader.services(self._workspace_of(request))
        return answer(request, Envelope(data=names, total=len(names)))

    async def operation_names(self, request: Request) -> Response:
        """Of every kind, each name once."""
        workspace_id = self._workspace_of(request)
        service: str = request.path_params["service"]
        operations = await self._reader.operations(workspace_id, service=service)
        # Some clients escape a name twice, and Grafana writes a space as "+".
        unescaped = unquote_plus(service)
        if not operations and unescaped != service:
            operations = await self._reader.operations(workspace_id, service=unescaped)
        names = list(dict.fromkeys(operation.name for operation in operations))
        return answer(request, Envelope(data=names, total=len(names)))

    async def operations(self, request: Request) -> Response:
        """An unknown service, or a kind that does not exist, has none."""
        service = required_service(request.query_params)
        kind_name = first(request.query_params, "spanKind")
        if kind_name and kind_name not in KINDS:
            return answer(request, Envelope(data=[]))
        found = await self._reader.operations(
            self._workspace_of(request), service=service, kind=KINDS[kind_name] if kind_name else None
        )
        data = [Operation(name=operation.name, span_kind=KIND_NAMES.get(operation.kind, "")) for operation in found]
        return answer(request, Envelope(data=data, total=len(data)))

    async def traces(self, request: Request) -> Response:
        """Whole traces with at least one span on which every predicate holds; or the traces named by `traceID`."""
        workspace_id = self._workspace_of(request)
        wanted = read_search(request.query_params, workspace_id=workspace_id, now_us=self._now_us())
        if isinstance(wanted, TraceLookup):
            return await self._answer_named(request, wanted.trace_ids)
        page = await self._reader.find_traces(wanted)
        found = await self._reader.get_traces(workspace_id, page.trace_ids)
        # Retention may have dropped a trace since it was found.
        present = [trace_id for trace_id in page.trace_ids if found.get(trace_id)]
        return await self._answer_traces(request, trace_ids=present, found=found)

    async def _answer_named(self, request: Request, named: Sequence[bytes]) -> Response:
        # Each once: thousands of the same short id would be thousands of copies of a large trace.
        trace_ids = list(dict.fromkeys(named))
        found = await self._reader.get_traces(self._workspace_of(request), trace_ids)
        missing = [
            Failure(msg=_NOT_FOUND, trace_id=format_trace_id(trace_id))
            for trace_id in trace_ids
            if not found.get(trace_id)
        ]
        present = [trace_id for trace_id in trace_ids if found.get(trace_id)]
        return await self._answer_traces(request, trace_ids=present, found=found, errors=missing)

    async def trace(self, request: Request) -> Response:
        """All spans of a trace, whatever the time hints say."""
        trace_id = parse_trace_id(request.path_params["traceID"])
        check_hints(request.query_params)
        is_raw(request.query_params)
        found = await self._reader.get_traces(self._workspace_of(request), [trace_id])
        if not found.get(trace_id):
            raise NotFoundError(_NOT_FOUND)
        return await self._answer_traces(request, trace_ids=[trace_id], found=found)

    async def dependencies(self, request: Request) -> Response:
        """Self edges included."""
        window = read_window(request.query_params, workspace_id=self._workspace_of(request), now_us=self._now_us())
        service = first(request.query_params, "service")
        calls: Counter[tuple[str, str]] = Counter()
        for edge in await self._reader.service_edges(window):
            if not service or service in (edge.parent, edge.child):
                calls[edge.parent, edge.child] += edge.statistics.calls
        links = [
            DependencyLink(parent=parent, child=child, call_count=count) for (parent, child), count in calls.items()
        ]
        return answer(request, Envelope(data=links))

    async def _answer_traces(
        self,
        request: Request,
        *,
        trace_ids: Sequence[bytes],
        found: Mapping[bytes, Sequence[Span]],
        errors: Sequence[Failure] = (),
    ) -> Response:
        as_stored = is_raw(request.query_params)

        def render() -> Response:
            data = [self._shown(trace_id, found[trace_id], as_stored=as_stored) for trace_id in trace_ids]
            return answer(request, Envelope(data=data, errors=errors or None))

        async with self._rendering:
            return await asyncio.to_thread(render)

    def _shown(self, trace_id: bytes, spans: Sequence[Span], *, as_stored: bool) -> msgspec.Raw:
        adjusted = spans if as_stored else adjust_trace(spans, max_clock_skew_ns=self._max_clock_skew_ns)
        return encode_by_part(translate_trace(trace_id, adjusted), part="spans")

    def _now_us(self) -> int:
        return self._clock_ns() // _NS_PER_US
