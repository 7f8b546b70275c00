"""The endpoints of decisions: traces, one flow, search, statistics."""

import contextlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from query.cursor import encode_decision_cursor
from relayscope.api.rest import decision_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.decision_parameter import (
    DecisionParameters,
    DecisionSearchParameters,
    DecisionStatisticsParameters,
)
from relayscope.api.rest.decision_view import no_such_trace, represent_flow, represent_group, represent_trace
from relayscope.api.rest.parameter import NoParameters
from relayscope.api.rest.submitted import trace_id_of
from relayscope.api.rest.value import iso_time, parse_trace_id
from relayscope.api.workspace import workspace_of
from storage.decision_reader import DecisionReader, DecisionTrace, DecisionTraceQuestion
from storage.interaction_reader import InteractionFilter, InteractionQuestion, InteractionReader
from tracedata import CallerError, Interaction

_NS_PER_US = 1_000
# The calls of a request are no further from its decisions.
_DAY_US = 86_400_000_000
_MAX_CALLS = 200

TraceIdPath = Annotated[
    str,
    Path(
        alias="traceId",
        description="The id of the trace in hex, as a UUID, or as it was submitted; or the id of a request, whose newest "
        "trace is meant.",
        examples=["5b8efff798038103d269b633813fc60c"],
    ),
]


class DecisionEndpoints:
    """Answers for decisions, and for the calls of models that followed, from two stores."""

    def __init__(self, reader: DecisionReader, interactions: InteractionReader, *, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._interactions = interactions
        self._clock = clock

    async def traces(self, request: Request, parameters: Annotated[DecisionParameters, Query()]) -> StructResponse:
        """Traces with a decision on which every filter holds, newest first, each with all of its decisions."""
        return await self._page(parameters.question(workspace_id=workspace_of(request), now_ns=self._clock()))

    async def search(
        self, request: Request, parameters: Annotated[DecisionSearchParameters, Query()]
    ) -> StructResponse:
        """The same with words, and with what stands inside the input, the output, and other attributes."""
        return await self._page(parameters.question(workspace_id=workspace_of(request), now_ns=self._clock()))

    async def _page(self, question: DecisionTraceQuestion) -> StructResponse:
        page = await self._reader.traces(question)
        cursor = encode_decision_cursor(page.cursor) if page.cursor else None
        items = [represent_trace(trace) for trace in page.items]
        return StructResponse(schema.DecisionTraceList(items=items, next_cursor=cursor))

    async def trace(
        self, request: Request, trace_id: TraceIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> StructResponse:
        """The flow: each decision with its rule, reasoning and timing, the candidates that lost, and the calls that followed."""
        workspace_id = workspace_of(request)
        trace = await self._trace(workspace_id, trace_id)
        if trace is None:
            raise no_such_trace()
        return StructResponse(represent_flow(trace, await self._calls(workspace_id, trace)))

    async def _trace(self, workspace_id: int, text: str) -> DecisionTrace | None:
        for candidate in _trace_ids(text):
            found = await self._reader.trace(workspace_id, candidate)
            if found is not None:
                return found
        of_request = None if "\0" in text else await self._reader.trace_of_request(workspace_id, text)
        return None if of_request is None else await self._reader.trace(workspace_id, of_request)

    async def _calls(self, workspace_id: int, trace: DecisionTrace) -> Sequence[Interaction]:
        moments = [one.time_unix_nano // _NS_PER_US for one in trace.decisions]
        where = InteractionFilter(
            workspace_id=workspace_id,
            start_us=min(moments) - _DAY_US,
            end_us=max(moments) + _DAY_US,
            trace_id=trace.trace_id,
        )
        question = InteractionQuestion(where=where, limit=_MAX_CALLS, is_oldest_first=True, max_text_chars=0)
        return (await self._interactions.find(question)).items

    async def statistics(
        self, request: Request, parameters: Annotated[DecisionStatisticsParameters, Query()]
    ) -> StructResponse:
        """Counts, shares and evaluation times by group and time, with what the calls of models in their traces amount to."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        table = await self._reader.statistics(question)
        return StructResponse(
            schema.DecisionStatistics(
                items=[represent_group(row) for row in table.rows],
                next_cursor=None,
                total=table.total,
                start=iso_time(question.where.start_us * _NS_PER_US),
                end=iso_time(question.where.end_us * _NS_PER_US),
                truncated=table.is_cut,
            )
        )


def _trace_ids(text: str) -> list[bytes]:
    """What the text may mean as an id of a trace."""
    found = [trace_id_of(text)]
    # Anything else is the sender's own, or that of a request.
    with contextlib.suppress(CallerError):
        found.append(parse_trace_id(text))
    return list(dict.fromkeys(found))


def create_router(reader: DecisionReader, interactions: InteractionReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/decisions``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1/decisions", tags=["Decisions"], default_response_class=StructResponse)
    endpoints = DecisionEndpoints(reader, interactions, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    # The last one would take the names of the others for ids.
    routes: Sequence[tuple[str, Callable[..., object], str, type, tuple[HTTPStatus, ...]]] = (
        ("", endpoints.traces, "Decision traces", schema.DecisionTraceList, failures),
        ("/search", endpoints.search, "Search decisions", schema.DecisionTraceList, failures),
        ("/stats", endpoints.statistics, "Statistics", schema.DecisionStatistics, failures),
        # ``path``, because ids of requests may contain slashes.
        (
            "/{traceId:path}",
            endpoints.trace,
            "The flow of decisions",
            schema.DecisionFlow,
            (HTTPStatus.NOT_FOUND, *failures),
        ),
    )
    for path, endpoint, summary, answer, failing in routes:
        router.add_api_route(path, endpoint, summary=summary, responses=describe(answer, *failing))
    return router
