"""The endpoints of single traces of any size: the skeleton, one span, the critical path."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from query.critical_path import critical_path
from query.cursor import decode_span_cursor
from query.forest import depths_of, parents_of
from relayscope.api.rendering import encode_by_part
from relayscope.api.rest import trace_detail_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import NoParameters, PathParameters, SpanParameters, named
from relayscope.api.rest.trace_detail_view import represent_path, represent_skeleton, represent_span_detail
from relayscope.api.rest.trace_frames import MAX_FRAMES, TraceFrames, read_frames
from relayscope.api.rest.traces import NO_SUCH_TRACE, TraceIdPath
from relayscope.api.rest.value import parse_span_id, parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.frame import FramePage, FrameReader
from tracedata import NotFoundError

_MAX_SAME_ID = 100

SpanIdPath = Annotated[
    str, Path(alias="spanId", description="16 hex digits of any case.", examples=["eee19b7ec3c1b174"])
]


class TraceDetailEndpoints:
    """Answers for traces without reading their attributes."""

    def __init__(self, frames: FrameReader) -> None:
        self._frames = frames
        # One large trace at a time, as for whole traces.
        self._working = asyncio.Semaphore(1)

    async def skeleton(
        self, request: Request, trace_id: TraceIdPath, parameters: Annotated[SpanParameters, Query()]
    ) -> Response:
        """The spans of a trace in pages, ordered by start and id, without attributes, events and links."""
        workspace_id, key = workspace_of(request), parse_trace_id(trace_id)
        after = named("cursor", lambda: decode_span_cursor(parameters.cursor) if parameters.cursor else None)
        page = await self._frames.frame_page(workspace_id, key, limit=parameters.limit, after=after)
        if after is None and not page.spans:
            raise NotFoundError(NO_SUCH_TRACE)
        lineage: Sequence[tuple[bytes, bytes]] = _lineage_of(page)
        async with self._working:
            if after is not None or not _is_closed(lineage):
                lineage = await self._frames.lineage(workspace_id, key, limit=MAX_FRAMES)
            return await asyncio.to_thread(_skeleton_response, page, lineage)

    async def span(
        self,
        request: Request,
        trace_id: TraceIdPath,
        span_id: SpanIdPath,
        _parameters: Annotated[NoParameters, Query()],
    ) -> Response:
        """One span in full. Different spans can have the same id: the earliest is shown, the others stand in `others`."""
        key, own = parse_trace_id(trace_id), parse_span_id(span_id)
        spans = await self._frames.spans_with_ids(workspace_of(request), key, [own], limit=_MAX_SAME_ID + 1)
        if not spans:
            raise NotFoundError("There is no span with this id in a trace with that id.")
        return StructResponse(await asyncio.to_thread(represent_span_detail, spans, limit=_MAX_SAME_ID))

    async def critical_path(
        self, request: Request, trace_id: TraceIdPath, parameters: Annotated[PathParameters, Query()]
    ) -> Response:
        """The chain of spans that bounded the end of the trace, and the self time of its spans."""
        workspace_id, key = workspace_of(request), parse_trace_id(trace_id)
        async with self._working:
            frames = await read_frames(self._frames, workspace_id, key)
            return await asyncio.to_thread(_path_response, frames, key, parameters.limit)


def create_router(frames: FrameReader) -> APIRouter:
    """The router of skeletons, single spans and critical paths below ``/api/v1/traces``."""
    router = APIRouter(prefix="/api/v1/traces/{traceId}", tags=["Traces"], default_response_class=StructResponse)
    endpoints = TraceDetailEndpoints(frames)
    failures = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/skeleton",
        endpoints.skeleton,
        summary="The spans of a trace without attributes",
        responses=describe(schema.Skeleton, *failures),
    )
    router.add_api_route(
        "/spans/{spanId}", endpoints.span, summary="One span", responses=describe(schema.SpanDetail, *failures)
    )
    router.add_api_route(
        "/critical-path",
        endpoints.critical_path,
        summary="The critical path of a trace",
        responses=describe(schema.CriticalPath, *failures),
    )
    return router


def _lineage_of(page: FramePage) -> list[tuple[bytes, bytes]]:
    return [(one.frame.span_id, one.frame.parent_span_id) for one in page.spans]


def _is_closed(lineage: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether all parents are among these: then their tree is known without the rest of the trace."""
    known = {span_id for span_id, _ in lineage}
    return all(not parent or parent in known for _, parent in lineage)


def _skeleton_response(page: FramePage, lineage: Sequence[tuple[bytes, bytes]]) -> Response:
    return StructResponse(encode_by_part(represent_skeleton(page, _depths(lineage)), part="items"))


def _depths(lineage: Sequence[tuple[bytes, bytes]]) -> Mapping[tuple[bytes, bytes], int]:
    found: dict[tuple[bytes, bytes], int] = {}
    for ids, depth in zip(lineage, depths_of(parents_of(lineage)), strict=True):
        # Of spans with the same ids the first can be a root, where parents form a cycle.
        found.setdefault(ids, depth)
    return found


def _path_response(frames: TraceFrames, trace_id: bytes, limit: int) -> Response:
    path = critical_path(frames.spans)
    answer = represent_path(path, trace_id=trace_id, limit=limit, is_complete=frames.is_complete)
    return StructResponse(encode_by_part(answer, part="segments"))
