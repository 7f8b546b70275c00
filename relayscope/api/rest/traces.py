"""The endpoints of traces: search, one trace, its spans."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from query.cursor import decode_span_cursor, encode_search_cursor, encode_span_cursor
from relayscope.api.rendering import encode_by_part
from relayscope.api.rest import schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import NoParameters, SpanParameters, TraceParameters
from relayscope.api.rest.representation import represent_spans, represent_summary, represent_trace
from relayscope.api.rest.value import parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.api import SpanPage, SpanReader, TraceOutline
from storage.outline import outline_of
from tracedata import NotFoundError

# The most spans that one trace is shown with; the others are on the pages of its span list.
MAX_SPANS_SHOWN = 20_000
# Outlines hold some spans of each trace, which are in memory only so many at a time.
_TRACES_AT_ONCE = 50
NO_SUCH_TRACE = "There is no trace with this id."

TraceIdPath = Annotated[
    str,
    Path(
        alias="traceId",
        description="1 to 32 hex digits of any case; shorter ids are padded on the left.",
        examples=["5b8efff798038103d269b633813fc60c"],
    ),
]


class TraceEndpoints:
    """Answers for traces from a store."""

    def __init__(self, reader: SpanReader, *, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._clock = clock
        # One large answer at a time: several threads would only keep the event loop waiting longer.
        self._rendering = asyncio.Semaphore(1)

    async def search(self, request: Request, parameters: Annotated[TraceParameters, Query()]) -> Response:
        """Traces that have a span on which every given filter holds, newest first.

        Durations and status are those of that span. Pages never repeat a trace.
        """
        workspace_id = workspace_of(request)
        found = await self._reader.find_traces(parameters.search(workspace_id=workspace_id, now_ns=self._clock()))
        summaries = await self._summaries(workspace_id, found.trace_ids)
        cursor = encode_search_cursor(found.cursor) if found.cursor else None
        return StructResponse(schema.TraceList(items=summaries, next_cursor=cursor))

    async def trace(
        self, request: Request, trace_id: TraceIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> Response:
        """One trace with its spans, ordered by start and id: at most 20,000, the others through `nextCursor`."""
        workspace_id, key = workspace_of(request), parse_trace_id(trace_id)
        page = await self._reader.trace_spans(workspace_id, key, limit=MAX_SPANS_SHOWN)
        if not page.spans:
            raise NotFoundError(NO_SUCH_TRACE)
        # Only a page that is not the whole trace needs to be told more.
        outlines = await self._reader.outlines(workspace_id, [key]) if page.cursor else {}
        # In a thread, because a large trace would hold up every other request.
        async with self._rendering:
            return await asyncio.to_thread(_trace_response, outlines.get(key), page)

    async def spans(
        self, request: Request, trace_id: TraceIdPath, parameters: Annotated[SpanParameters, Query()]
    ) -> Response:
        """The spans of a trace in pages, ordered by start and id."""
        key = parse_trace_id(trace_id)
        after = decode_span_cursor(parameters.cursor) if parameters.cursor else None
        page = await self._reader.trace_spans(workspace_of(request), key, limit=parameters.limit, after=after)
        if after is None and not page.spans:
            raise NotFoundError(NO_SUCH_TRACE)
        async with self._rendering:
            return await asyncio.to_thread(_spans_response, page)

    async def _summaries(self, workspace_id: int, trace_ids: Sequence[bytes]) -> list[schema.TraceSummary]:
        summaries: list[schema.TraceSummary] = []
        for first in range(0, len(trace_ids), _TRACES_AT_ONCE):
            part = trace_ids[first : first + _TRACES_AT_ONCE]
            outlines = await self._reader.outlines(workspace_id, part)
            # A trace whose retention ended since the search is left out.
            present = [outlines[trace_id] for trace_id in part if trace_id in outlines]
            summaries += await asyncio.to_thread(_summarize, present)
        return summaries


def create_router(reader: SpanReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/traces``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    endpoints = TraceEndpoints(reader, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route("", endpoints.search, summary="Search traces", responses=describe(schema.TraceList, *failures))
    missing = HTTPStatus.NOT_FOUND
    router.add_api_route(
        "/{traceId}", endpoints.trace, summary="One trace", responses=describe(schema.Trace, missing, *failures)
    )
    router.add_api_route(
        "/{traceId}/spans",
        endpoints.spans,
        summary="The spans of a trace",
        responses=describe(schema.SpanList, missing, *failures),
    )
    return router


def _trace_response(outline: TraceOutline | None, page: SpanPage) -> Response:
    trace = represent_trace(outline or outline_of(page.spans), shown=page.spans, next_cursor=_cursor_of(page))
    return StructResponse(encode_by_part(trace, part="spans"))


def _spans_response(page: SpanPage) -> Response:
    answer = schema.SpanList(items=represent_spans(page.spans), next_cursor=_cursor_of(page))
    return StructResponse(encode_by_part(answer, part="items"))


def _cursor_of(page: SpanPage) -> str | None:
    return encode_span_cursor(page.cursor) if page.cursor else None


def _summarize(outlines: Sequence[TraceOutline]) -> list[schema.TraceSummary]:
    return [represent_summary(outline) for outline in outlines]
