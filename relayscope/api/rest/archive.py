"""The endpoints of the archive: keep a trace beyond retention, look whether it is kept, let go of it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from relayscope.api.rest import schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import NoParameters
from relayscope.api.rest.traces import NO_SUCH_TRACE, TraceIdPath
from relayscope.api.rest.value import iso_time, parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.archive import ArchivedTrace, TraceArchive
from tracedata import NotFoundError

# Nobody can say yet who asks.
_ACTOR = "api"
_NOT_KEPT = "No trace with this id is in the archive."


class ArchiveEndpoints:
    """Answers from an archive."""

    def __init__(self, archive: TraceArchive) -> None:
        self._archive = archive

    async def look(
        self, request: Request, trace_id: TraceIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> Response:
        """Since when a trace is kept, and how many of its spans; 404 when it is not in the archive."""
        kept = await self._archive.archived(workspace_of(request), parse_trace_id(trace_id))
        if kept is None:
            raise NotFoundError(_NOT_KEPT)
        return StructResponse(_shown(kept))

    async def keep(
        self, request: Request, trace_id: TraceIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> Response:
        """Keeps all spans that the trace has. Again, it adds those that have come since."""
        kept = await self._archive.archive(workspace_of(request), parse_trace_id(trace_id), actor=_ACTOR)
        if kept is None:
            raise NotFoundError(NO_SUCH_TRACE)
        return StructResponse(_shown(kept))

    async def let_go(
        self, request: Request, trace_id: TraceIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> Response:
        """Lets go of a trace: what retention has removed already is gone, and the rest stays until it does.

        404 when the trace is not in the archive.
        """
        if not await self._archive.unarchive(workspace_of(request), parse_trace_id(trace_id), actor=_ACTOR):
            raise NotFoundError(_NOT_KEPT)
        return Response(status_code=HTTPStatus.NO_CONTENT)


def create_archive_router(archive: TraceArchive) -> APIRouter:
    """The router of ``/api/v1/traces/{traceId}/archive``."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    endpoints = ArchiveEndpoints(archive)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
    path = "/{traceId}/archive"
    described = describe(schema.ArchivedTrace, *failures)
    router.add_api_route(path, endpoints.look, summary="Whether a trace is kept", responses=described)
    router.add_api_route(
        path, endpoints.keep, methods=["PUT"], summary="Keep a trace beyond retention", responses=described
    )
    emptied = {code: answer for code, answer in described.items() if code != HTTPStatus.OK}
    router.add_api_route(
        path,
        endpoints.let_go,
        methods=["DELETE"],
        summary="Let go of a kept trace",
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=emptied,
    )
    return router


def _shown(kept: ArchivedTrace) -> schema.ArchivedTrace:
    return schema.ArchivedTrace(
        trace_id=kept.trace_id.hex(),
        archived_at=iso_time(round(kept.archived_at.timestamp() * 1_000_000) * 1_000),
        span_count=kept.span_count,
    )
