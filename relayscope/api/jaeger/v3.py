"""The endpoints of Jaeger's newer HTTP API, ``/api/v3``, as its web page since 2.15 and Grafana call them.

Source: jaegertracing/jaeger ``internal/apiv3/http_gateway.go``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from relayscope.api.jaeger import v3_document
from relayscope.api.jaeger.adjustment import adjust_trace
from relayscope.api.jaeger.envelope import answer, plain_error, status_of
from relayscope.api.jaeger.finding import find_trace_ids
from relayscope.api.jaeger.identifier import parse_trace_id
from relayscope.api.jaeger.model import Operation
from relayscope.api.jaeger.otlp import traces_data
from relayscope.api.jaeger.parameter import first
from relayscope.api.jaeger.translation import KIND_NAMES
from relayscope.api.jaeger.v3_parameter import FoundTraces, read_v3_kind, read_v3_search, read_v3_trace
from relayscope.api.workspace import workspace_of as default_workspace_of
from relayscope.otlp.document import Document
from storage.api import SpanReader
from storage.trace_query import TraceQueryReader
from storage.trace_summary import TraceSummary, TraceSummaryReader
from tracedata import CallerError, NotFoundError, RelayscopeError, Span

_NOT_FOUND = "No traces found"
# Jaeger writes this for spans of no kind.
_DEFAULT_KIND = "internal"
# Spans of so many traces are counted in one statement.
_TRACES_AT_ONCE = 100


class _Json(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Fields in camelCase; those with their default are left out."""


class _Services(msgspec.Struct, frozen=True, kw_only=True):
    services: Sequence[str]


class _Operations(msgspec.Struct, frozen=True, kw_only=True):
    operations: Sequence[Operation]


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    result: Document


class _ErrorDetail(_Json, frozen=True, kw_only=True):
    http_code: int
    message: str = ""


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    error: _ErrorDetail


class _ServiceSummary(_Json, frozen=True, kw_only=True):
    name: str
    span_count: int = 0
    error_span_count: int = 0


class _Summary(_Json, frozen=True, kw_only=True):
    trace_id: str
    root_service_name: str = ""
    root_operation_name: str = ""
    # 64 bits do not fit into JSON's numbers everywhere.
    min_start_time_unix_nano: str = ""
    max_end_time_unix_nano: str = ""
    span_count: int = 0
    error_span_count: int = 0
    orphan_span_count: int = 0
    services: Sequence[_ServiceSummary] = ()


class _Summaries(msgspec.Struct, frozen=True, kw_only=True):
    summaries: Sequence[_Summary]


class _GatewayRoute(APIRoute):
    """A route whose errors are answered as Jaeger's gateway does."""

    # FastAPI types its handlers so: a coroutine has no interesting yield and send types.
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that the route calls."""
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except RelayscopeError as exc:
                return gateway_error(exc, status=status_of(exc))

        return handle_errors


def gateway_error(error: RelayscopeError, *, status: HTTPStatus) -> Response:
    """An error as Jaeger's gateway writes it."""
    return plain_error(_Error(error=_ErrorDetail(http_code=status, message=str(error))), error, status=status)


def create_v3_router(
    reader: SpanReader,
    summaries: TraceSummaryReader,
    queries: TraceQueryReader | None = None,
    *,
    workspace_of: Callable[[Request], int] = default_workspace_of,
    max_clock_skew_ns: int = 0,
) -> APIRouter:
    """Routes below ``/api/v3``. Without ``queries``, structured filters are refused."""
    endpoints = _Endpoints(reader, summaries, queries, workspace_of=workspace_of, max_clock_skew_ns=max_clock_skew_ns)
    router = APIRouter(prefix="/api/v3", tags=["jaeger"], route_class=_GatewayRoute)
    for path, handle, summary, described in (
        ("/services", endpoints.services, "Names of all services", v3_document.SERVICES),
        ("/operations", endpoints.operations, "Operations of a service with their kinds", v3_document.OPERATIONS),
        ("/traces", endpoints.traces, "Search for traces, as OTLP/JSON", v3_document.TRACES),
        ("/traces/{trace_id}", endpoints.trace, "One trace, as OTLP/JSON", v3_document.TRACE),
        (
            "/trace-summaries",
            endpoints.trace_summaries,
            "Search for traces, in a few numbers each",
            v3_document.SUMMARIES,
        ),
    ):
        router.add_api_route(path, handle, summary=summary, openapi_extra=described)
    return router


class _Endpoints:
    def __init__(
        self,
        reader: SpanReader,
        summaries: TraceSummaryReader,
        queries: TraceQueryReader | None,
        *,
        workspace_of: Callable[[Request], int],
        max_clock_skew_ns: int,
    ) -> None:
        self._reader = reader
        self._summaries = summaries
        self._queries = queries
        self._workspace_of = workspace_of
        self._max_clock_skew_ns = max_clock_skew_ns
        # One answer of whole traces at a time: several threads would only keep the event loop waiting longer.
        self._rendering = asyncio.Semaphore(1)

    async def services(self, request: Request) -> Response:
        """Sorted by name; never left out, since the web page needs it."""
        return answer(request, _Services(services=await self._reader.services(self._workspace_of(request))))

    async def operations(self, request: Request) -> Response:
        """None for an unknown service, a kind that does not exist, or no service at all."""
        service = first(request.query_params, "service")
        kind = read_v3_kind(request.query_params)
        found = await self._reader.operations(self._workspace_of(request), service=service, kind=kind)
        shown = dict.fromkeys((one.name, KIND_NAMES.get(one.kind, _DEFAULT_KIND)) for one in found)
        operations = [Operation(name=name, span_kind=span_kind) for name, span_kind in shown]
        return answer(request, _Operations(operations=operations))

    async def traces(self, request: Request) -> Response:
        """Whole traces with at least one span on which all that is asked for holds, newest first; 404 when there are none."""
        wanted = read_v3_search(request.query_params, workspace_id=self._workspace_of(request))
        return await self._answer(request, await self._find(request, wanted), is_raw=wanted.is_raw)

    async def trace(self, request: Request) -> Response:
        """All spans of a trace, whatever the time hints say."""
        try:
            trace_id = parse_trace_id(request.path_params["trace_id"])
        except CallerError as exc:
            raise CallerError(f"malformed parameter trace_id: {exc}") from exc
        return await self._answer(request, [trace_id], is_raw=read_v3_trace(request.query_params))

    async def trace_summaries(self, request: Request) -> Response:
        """Newest first; an empty list when there are none."""
        workspace_id = self._workspace_of(request)
        wanted = read_v3_search(request.query_params, workspace_id=workspace_id)
        trace_ids = await self._find(request, wanted)
        found: dict[bytes, TraceSummary] = {}
        for start in range(0, len(trace_ids), _TRACES_AT_ONCE):
            part = trace_ids[start : start + _TRACES_AT_ONCE]
            found |= await self._summaries.trace_summaries(workspace_id, part)
        # Retention may have dropped a trace since it was found.
        shown = [_summary(found[trace_id]) for trace_id in trace_ids if trace_id in found]
        return answer(request, _Summaries(summaries=shown))

    async def _find(self, request: Request, wanted: FoundTraces) -> Sequence[bytes]:
        async def is_awaited() -> bool:
            return not await request.is_disconnected()

        return await find_trace_ids(wanted.search, self._reader, self._queries, is_awaited=is_awaited)

    async def _answer(self, request: Request, trace_ids: Sequence[bytes], *, is_raw: bool) -> Response:
        found = await self._reader.get_traces(self._workspace_of(request), trace_ids) if trace_ids else {}
        present = [trace_id for trace_id in trace_ids if found.get(trace_id)]
        if not present:
            raise NotFoundError(_NOT_FOUND)

        def render() -> Response:
            return answer(request, _Result(result=traces_data(self._shown(found, present, is_raw=is_raw))))

        async with self._rendering:
            return await asyncio.to_thread(render)

    def _shown(
        self, found: Mapping[bytes, Sequence[Span]], trace_ids: Sequence[bytes], *, is_raw: bool
    ) -> Sequence[Sequence[Span]]:
        if is_raw:
            return [found[trace_id] for trace_id in trace_ids]
        return [adjust_trace(found[trace_id], max_clock_skew_ns=self._max_clock_skew_ns) for trace_id in trace_ids]


def _summary(summary: TraceSummary) -> _Summary:
    return _Summary(
        trace_id=summary.trace_id.hex(),
        root_service_name=summary.root_service,
        root_operation_name=summary.root_operation,
        min_start_time_unix_nano=str(summary.start_time_unix_nano or ""),
        max_end_time_unix_nano=str(summary.end_time_unix_nano or ""),
        span_count=summary.span_count,
        error_span_count=summary.error_count,
        orphan_span_count=summary.orphan_count,
        services=[
            _ServiceSummary(name=one.service, span_count=one.span_count, error_span_count=one.error_count)
            for one in summary.services
        ],
    )
