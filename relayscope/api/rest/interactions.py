"""The endpoints of AI interactions and sessions: lists, one, full-text search, statistics, models, conversations."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request

from query.cursor import encode_hit_cursor, encode_interaction_cursor, encode_session_cursor
from relayscope.api.rest import interaction_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.interaction_parameter import (
    InteractionParameters,
    ModelParameters,
    SearchParameters,
    SessionListParameters,
    SessionParameters,
    StatisticsParameters,
)
from relayscope.api.rest.interaction_view import (
    no_such_interaction,
    parse_interaction_id,
    represent_detail,
    represent_group,
    represent_hit,
    represent_interaction,
    represent_model,
    represent_session,
    represent_session_detail,
    represent_turn,
)
from relayscope.api.rest.parameter import NoParameters
from relayscope.api.rest.value import iso_time
from relayscope.api.workspace import workspace_of
from storage.interaction_reader import InteractionReader, SessionQuestion
from tracedata import CallerError, Interaction, LogRecord, NotFoundError, Span
from tracedata.interaction import Conversation

# What the mapper makes of the spans that told of one call, and of their log records. Pure, and may take its time.
ConversationOf: TypeAlias = Callable[[Sequence[Span], Sequence[LogRecord]], Conversation]

_NS_PER_US = 1_000
# So many turns of a session are read at once: fewer than the reader has connections.
_TURNS_AT_ONCE = 4

InteractionIdPath = Annotated[
    str,
    Path(
        alias="id",
        description="The id as lists give it: trace id, hyphen, span id. Any span that told of the call will do.",
        examples=["5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174"],
    ),
]
SessionIdPath = Annotated[str, Path(alias="id", description="The id of a session.", examples=["chat-42"])]


class InteractionEndpoints:
    """Answers for interactions from a store."""

    def __init__(
        self, reader: InteractionReader, *, clock: Callable[[], int], conversation: ConversationOf | None
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._conversation = conversation
        self._turns = asyncio.Semaphore(_TURNS_AT_ONCE)

    async def interactions(
        self, request: Request, parameters: Annotated[InteractionParameters, Query()]
    ) -> StructResponse:
        """Calls of models, newest first. `prompt` and `response` are cut to 300 characters."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        page = await self._reader.find(question)
        cursor = encode_interaction_cursor(page.cursor) if page.cursor else None
        items = [represent_interaction(one) for one in page.items]
        return StructResponse(schema.InteractionList(items=items, next_cursor=cursor))

    async def interaction(
        self, request: Request, interaction_id: InteractionIdPath, _parameters: Annotated[NoParameters, Query()]
    ) -> StructResponse:
        """One call with its messages, tool calls, parameters, the explanation of its cost, and the spans around it."""
        trace_id, span_id = parse_interaction_id(interaction_id)
        workspace_id = workspace_of(request)
        found = await self._reader.get(workspace_id, trace_id=trace_id, span_id=span_id)
        if found is None:
            raise no_such_interaction()
        conversation = await self._conversation_of(workspace_id, found)
        related = await self._reader.related(workspace_id, found)
        return StructResponse(represent_detail(found, conversation=conversation, related=related))

    async def search(self, request: Request, parameters: Annotated[SearchParameters, Query()]) -> StructResponse:
        """Calls in whose prompt or answer the words stand, by rank. What came within the last seconds may be missing."""
        search = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        try:
            page = await self._reader.search(search)
        except CallerError as exc:
            raise CallerError(f"q: {exc}") from exc
        cursor = encode_hit_cursor(page.cursor) if page.cursor else None
        items = [represent_hit(hit) for hit in page.items]
        return StructResponse(schema.HitList(items=items, next_cursor=cursor, truncated=page.is_cut))

    async def statistics(
        self, request: Request, parameters: Annotated[StatisticsParameters, Query()]
    ) -> StructResponse:
        """Calls, errors, tokens, costs, percentiles and speed, by any of some dimensions and by time."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        table = await self._reader.statistics(question)
        return StructResponse(
            schema.InteractionStatistics(
                items=[represent_group(row) for row in table.rows],
                next_cursor=None,
                truncated=table.is_cut,
                start=iso_time(question.where.start_us * _NS_PER_US),
                end=iso_time(question.where.end_us * _NS_PER_US),
            )
        )

    async def models(self, request: Request, parameters: Annotated[ModelParameters, Query()]) -> StructResponse:
        """Models side by side: reliability, latency, speed, tokens and cost of their calls."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        table = await self._reader.statistics(question)
        return StructResponse(
            schema.ModelList(
                items=[represent_model(row) for row in table.rows],
                next_cursor=None,
                truncated=table.is_cut,
                start=iso_time(question.where.start_us * _NS_PER_US),
                end=iso_time(question.where.end_us * _NS_PER_US),
            )
        )

    async def sessions(self, request: Request, parameters: Annotated[SessionListParameters, Query()]) -> StructResponse:
        """Sessions with a call on which every given filter holds, the latest first; only such calls count."""
        question = parameters.question(workspace_id=workspace_of(request), now_ns=self._clock())
        page = await self._reader.sessions(question)
        cursor = encode_session_cursor(page.cursor) if page.cursor else None
        items = [represent_session(session) for session in page.items]
        return StructResponse(schema.SessionList(items=items, next_cursor=cursor))

    async def session(
        self, request: Request, session_id: SessionIdPath, parameters: Annotated[SessionParameters, Query()]
    ) -> StructResponse:
        """A session as a conversation, oldest turn first: what was new in each call, and what was answered."""
        workspace_id = workspace_of(request)
        question = parameters.question(session_id, workspace_id=workspace_id, now_ns=self._clock())
        summaries = await self._reader.sessions(SessionQuestion(where=question.where, limit=1))
        if "\0" in session_id or not summaries.items:
            raise NotFoundError("There is no session with this id.")
        page = await self._reader.find(question)
        conversations = await asyncio.gather(*(self._in_turn(workspace_id, one) for one in page.items))
        turns = [represent_turn(*pair) for pair in zip(page.items, conversations, strict=True)]
        cursor = encode_interaction_cursor(page.cursor) if page.cursor else None
        return StructResponse(represent_session_detail(summaries.items[0], turns, next_cursor=cursor))

    async def _in_turn(self, workspace_id: int, one: Interaction) -> Conversation | None:
        async with self._turns:
            return await self._conversation_of(workspace_id, one)

    async def _conversation_of(self, workspace_id: int, one: Interaction) -> Conversation | None:
        if self._conversation is None:
            return None
        sources = await self._reader.sources(workspace_id, one)
        if not sources.spans and not sources.log_records:
            return None
        # In a thread, because messages may be long.
        return await asyncio.to_thread(self._conversation, sources.spans, sources.log_records)


def create_router(
    reader: InteractionReader, *, clock: Callable[[], int], conversation: ConversationOf | None = None
) -> APIRouter:
    """The router of ``/api/v1/ai-interactions`` and ``/api/v1/sessions``.

    ``clock`` gives Unix nanoseconds. Without ``conversation``, messages are the texts that interactions hold.
    """
    router = APIRouter(prefix="/api/v1", tags=["AI interactions"], default_response_class=StructResponse)
    endpoints = InteractionEndpoints(reader, clock=clock, conversation=conversation)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    missing = HTTPStatus.NOT_FOUND
    # The last one would take the names of the others for ids.
    routes: Sequence[tuple[str, Callable[..., object], str, type, tuple[HTTPStatus, ...]]] = (
        ("/ai-interactions", endpoints.interactions, "AI interactions", schema.InteractionList, failures),
        ("/ai-interactions/search", endpoints.search, "Search prompts and answers", schema.HitList, failures),
        ("/ai-interactions/stats", endpoints.statistics, "Statistics", schema.InteractionStatistics, failures),
        ("/ai-interactions/models", endpoints.models, "Compare models", schema.ModelList, failures),
        ("/sessions", endpoints.sessions, "Sessions", schema.SessionList, failures),
        # ``path``, because ids of sessions may contain slashes.
        ("/sessions/{id:path}", endpoints.session, "A session", schema.SessionDetail, (missing, *failures)),
        (
            "/ai-interactions/{id}",
            endpoints.interaction,
            "One interaction",
            schema.InteractionDetail,
            (missing, *failures),
        ),
    )
    for path, endpoint, summary, answer, failing in routes:
        router.add_api_route(path, endpoint, summary=summary, responses=describe(answer, *failing))
    return router
