"""The endpoints of log records: those of a trace, and a search."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from query.cursor import decode_log_cursor, encode_log_cursor
from relayscope.api.rendering import encode_by_part
from relayscope.api.rest import log_schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.log_representation import represent_log_records
from relayscope.api.rest.parameter import LogParameters, TraceLogParameters
from relayscope.api.rest.traces import TraceIdPath
from relayscope.api.rest.value import parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.log_record import LogPage, LogReader


class LogEndpoints:
    """Answers for log records from a store."""

    def __init__(self, reader: LogReader, *, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._clock = clock
        # One large answer at a time, as for traces.
        self._rendering = asyncio.Semaphore(1)

    async def search(self, request: Request, parameters: Annotated[LogParameters, Query()]) -> Response:
        """Log records on which every given filter holds, newest first."""
        search = parameters.search(workspace_id=workspace_of(request), now_ns=self._clock())
        return await self._rendered(await self._reader.find_log_records(search))

    async def of_trace(
        self, request: Request, trace_id: TraceIdPath, parameters: Annotated[TraceLogParameters, Query()]
    ) -> Response:
        """The log records of a trace in pages, the earliest first; none when there are none, or no such trace."""
        key = parse_trace_id(trace_id)
        after = decode_log_cursor(parameters.cursor) if parameters.cursor else None
        page = await self._reader.trace_log_records(workspace_of(request), key, limit=parameters.limit, after=after)
        return await self._rendered(page)

    async def _rendered(self, page: LogPage) -> Response:
        async with self._rendering:
            return await asyncio.to_thread(_response, page)


def create_router(reader: LogReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/logs`` and of the log records of a trace. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1", tags=["Logs"], default_response_class=StructResponse)
    endpoints = LogEndpoints(reader, clock=clock)
    answers = describe(log_schema.LogRecordList, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route("/logs", endpoints.search, summary="Search log records", responses=answers)
    router.add_api_route(
        "/traces/{traceId}/logs", endpoints.of_trace, summary="The log records of a trace", responses=answers
    )
    return router


def _response(page: LogPage) -> Response:
    cursor = encode_log_cursor(page.cursor) if page.cursor else None
    answer = log_schema.LogRecordList(items=represent_log_records(page.records), next_cursor=cursor)
    return StructResponse(encode_by_part(answer, part="items"))
