"""The endpoint that compares two traces."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from query.critical_path import CriticalPath, critical_path
from query.moment import MAX_MOMENT_US
from query.trace_comparison import compare
from relayscope.api.rest import comparison_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.comparison_view import represent_compared, represent_comparison, root_of
from relayscope.api.rest.interaction_schema import Group as InteractionGroup
from relayscope.api.rest.interaction_view import represent_group
from relayscope.api.rest.parameter import Parameters, Text
from relayscope.api.rest.trace_frames import read_frames
from relayscope.api.rest.value import parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.frame import FrameReader
from storage.interaction_reader import InteractionFilter, InteractionReader, StatisticsQuestion
from tracedata import CallerError, Span

_MAX_SAME_ID = 100


class ComparisonParameters(Parameters):
    """Which traces are compared."""

    left: Text = Field(description="The id of one trace.", examples=["5b8efff798038103d269b633813fc60c"])
    right: Text = Field(description="The id of the other trace.", examples=["0af7651916cd43dd8448eb211c80319c"])
    limit: int = Field(1_000, ge=1, le=10_000, description="How many groups at most.")


class ComparisonEndpoints:
    """Answers about two traces, without reading more attributes than those of their roots."""

    def __init__(self, frames: FrameReader, interactions: InteractionReader | None) -> None:
        self._frames = frames
        self._interactions = interactions
        # Two large traces at a time.
        self._working = asyncio.Semaphore(1)

    async def compare(self, request: Request, parameters: Annotated[ComparisonParameters, Query()]) -> Response:
        """What two traces called along the same ways, how often and for how long, and what only one of them did."""
        workspace_id = workspace_of(request)
        ids = [_trace_id("left", parameters.left), _trace_id("right", parameters.right)]
        async with self._working:
            left, right = [await self._path(workspace_id, name, key) for name, key in zip(_NAMES, ids, strict=True)]
            groups = await asyncio.to_thread(compare, left[0], right[0])
        answer = represent_comparison(
            represent_compared(left[0], trace_id=ids[0], is_complete=left[1]),
            represent_compared(right[0], trace_id=ids[1], is_complete=right[1]),
            groups,
            roots=(await self._root(workspace_id, ids[0], left[0]), await self._root(workspace_id, ids[1], right[0])),
            interactions=await self._called(workspace_id, *ids),
            limit=parameters.limit,
        )
        return StructResponse(answer)

    async def _path(self, workspace_id: int, name: str, trace_id: bytes) -> tuple[CriticalPath, bool]:
        missing = f"{name}: there is no trace with this id."
        frames = await read_frames(self._frames, workspace_id, trace_id, missing=missing)
        return await asyncio.to_thread(critical_path, frames.spans), frames.is_complete

    async def _root(self, workspace_id: int, trace_id: bytes, path: CriticalPath) -> Span | None:
        """The whole root; none when its retention ended since."""
        root = root_of(path)
        spans = await self._frames.spans_with_ids(workspace_id, trace_id, [root.span_id], limit=_MAX_SAME_ID)
        return next((span for span in spans if span.start_time_unix_nano == root.start_time_unix_nano), None)

    async def _called(
        self, workspace_id: int, left: bytes, right: bytes
    ) -> tuple[InteractionGroup, InteractionGroup] | None:
        if self._interactions is None:
            return None
        return (
            await self._statistics(self._interactions, workspace_id, left),
            await self._statistics(self._interactions, workspace_id, right),
        )

    async def _statistics(
        self, interactions: InteractionReader, workspace_id: int, trace_id: bytes
    ) -> InteractionGroup:
        where = InteractionFilter(workspace_id=workspace_id, start_us=0, end_us=MAX_MOMENT_US, trace_id=trace_id)
        # Without dimensions there is one group, also of nothing.
        (row,) = (await interactions.statistics(StatisticsQuestion(where=where))).rows
        return represent_group(row)


_NAMES = ("left", "right")


def create_router(frames: FrameReader, interactions: InteractionReader | None) -> APIRouter:
    """The router of ``/api/v1/traces/compare``. Without a reader of interactions nothing is told of calls of models."""
    router = APIRouter(prefix="/api/v1/traces", tags=["Traces"], default_response_class=StructResponse)
    endpoints = ComparisonEndpoints(frames, interactions)
    failures = (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/compare", endpoints.compare, summary="Compare traces", responses=describe(schema.TraceComparison, *failures)
    )
    return router


def _trace_id(name: str, text: str) -> bytes:
    try:
        return parse_trace_id(text)
    except CallerError as exc:
        raise CallerError(f"{name}: must be 1 to 32 hex digits") from exc
