"""The endpoints of TraceQL: traces, and series."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from query.cursor import encode_search_cursor
from relayscope.api.rest import query_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.query_parameter import MetricsParameters, SearchParameters
from relayscope.api.rest.query_representation import represent_match, represent_metrics
from relayscope.api.workspace import workspace_of
from storage.api import SpanReader, TraceOutline
from storage.trace_query import TraceMatch, TraceQueryReader

# Outlines hold some spans of each trace, which are in memory only so many at a time.
_TRACES_AT_ONCE = 50


class TraceQueryEndpoints:
    """Answers to TraceQL from a store."""

    def __init__(self, queries: TraceQueryReader, reader: SpanReader, *, clock: Callable[[], int]) -> None:
        self._queries = queries
        self._reader = reader
        self._clock = clock

    async def search(self, request: Request, parameters: Annotated[SearchParameters, Query()]) -> Response:
        """Traces in which a TraceQL query matches, newest first, with the spans that it matches.

        Pages never repeat a trace. A page can be short, even empty, before the last: then much was looked through in vain.
        """
        workspace_id = workspace_of(request)
        # In a thread, because a long query takes some milliseconds to read.
        query = await asyncio.to_thread(parameters.query, workspace_id=workspace_id, now_ns=self._clock())
        page = await self._queries.find_matches(query)
        items = await self._represent(workspace_id, page.matches)
        cursor = encode_search_cursor(page.cursor) if page.cursor else None
        return StructResponse(schema.FoundTraceList(items=items, next_cursor=cursor))

    async def metrics(self, request: Request, parameters: Annotated[MetricsParameters, Query()]) -> Response:
        """Series of a TraceQL query that ends with a metric, such as `| rate() by (resource.service.name)`."""
        query = await asyncio.to_thread(parameters.query, workspace_id=workspace_of(request), now_ns=self._clock())
        points = await self._queries.measure(query)
        return StructResponse(await asyncio.to_thread(represent_metrics, query, points))

    async def _represent(self, workspace_id: int, matches: Sequence[TraceMatch]) -> list[schema.FoundTrace]:
        items: list[schema.FoundTrace] = []
        for first in range(0, len(matches), _TRACES_AT_ONCE):
            part = matches[first : first + _TRACES_AT_ONCE]
            outlines = await self._reader.outlines(workspace_id, [match.trace_id for match in part])
            # A trace whose retention ended since the search is left out.
            present = [(match, outlines[match.trace_id]) for match in part if match.trace_id in outlines]
            items += await asyncio.to_thread(_represented, present)
        return items


def create_router(queries: TraceQueryReader, reader: SpanReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of TraceQL below ``/api/v1/traces``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    endpoints = TraceQueryEndpoints(queries, reader, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/search",
        endpoints.search,
        summary="Search traces with TraceQL",
        responses=describe(schema.FoundTraceList, *failures),
    )
    router.add_api_route(
        "/metrics",
        endpoints.metrics,
        summary="Series of a TraceQL query",
        responses=describe(schema.TraceMetrics, *failures),
    )
    return router


def _represented(present: Sequence[tuple[TraceMatch, TraceOutline]]) -> list[schema.FoundTrace]:
    return [represent_match(match, outline) for match, outline in present]
