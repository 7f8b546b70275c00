"""The endpoint that replays recorded decisions under a rule set."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request
from msgspec.structs import replace
from starlette.responses import Response, StreamingResponse

from query.moment import parse_moment
from query.replay.condition import ConditionError
from query.replay.parsing import parse_rule_set
from query.replay.replaying import Replay
from query.replay.report import ReplayedDecision, ReplayReport
from query.replay.rule_set import RuleSet
from query.replay.run import Event, ReplayProgress, run_replay
from relayscope.api.problem import problem_of
from relayscope.api.rest import replay_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.body import JSON, read_body
from relayscope.api.rest.parameter import named
from relayscope.api.rest.rules import kept_rule_set, parsed_rule_set
from relayscope.api.rest.sql import SqlAccess
from relayscope.api.rest.sql_selection import select_decisions
from relayscope.api.workspace import workspace_of
from storage.replay import DecisionKey, DecisionSelection, ReplayReader
from storage.rule_set import RuleSets
from tracedata import CallerError, RelayscopeError, RetryableError

NDJSON = "application/x-ndjson"
MAX_BODY_BYTES = 8 * 1024 * 1024
# Each takes a connection, and most of a core.
_MAX_RUNNING = 2
# So many events wait for a reader that is slow.
_MAX_AHEAD = 4
_NS_PER_US = 1_000
_encode = msgspec.json.Encoder().encode


class ReplayEndpoints:
    """Replays what a reader reads, two replays at a time at most."""

    def __init__(
        self, reader: ReplayReader, rule_sets: RuleSets, *, clock: Callable[[], int], sql: SqlAccess | None
    ) -> None:
        self._reader = reader
        self._rule_sets = rule_sets
        self._clock = clock
        self._sql = sql
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def replay(self, request: Request) -> Response:
        """What would have been decided under a rule set that is sent, or that is kept.

        With `Accept: application/x-ndjson`, the answer is a stream of lines that tell how far it has come, and the report at its
        end. A rule that cannot be evaluated over a decision is reported with the rule and the reason, and never taken for false.
        """
        body = await read_body(request, max_bytes=MAX_BODY_BYTES)
        asked = _asked(body)
        workspace_id = workspace_of(request)
        selection = self._selection(asked, workspace_id)
        rule_set = await self._rule_set(asked, workspace_id)
        if asked.sql is not None:
            selection = replace(selection, keys=await self._named(asked.sql, workspace_id))
        try:
            replay = await asyncio.to_thread(Replay, rule_set, where=asked.where or "", examples=asked.examples)
        except ConditionError as exc:
            raise CallerError(f"where: {exc}") from exc
        events = self._apart(self._counted(run_replay(self._reader, selection, replay, each=asked.each)))
        if NDJSON not in request.headers.get("accept", ""):
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, ReplayReport):
                        return StructResponse(msgspec.Raw(await asyncio.to_thread(_encode, event)))
            raise RetryableError("the replay has ended without a report")
        # What fails at once is a problem like any other.
        first = await anext(events)
        return StreamingResponse(_lines(first, events), media_type=NDJSON)

    def _selection(self, asked: schema.ReplayRequest, workspace_id: int) -> DecisionSelection:
        now_us = self._clock() // _NS_PER_US
        start_us = named("since", lambda: parse_moment(asked.since, now_us))
        end_us = named("until", lambda: parse_moment(asked.until, now_us))
        if end_us <= start_us:
            raise CallerError("until: must lie after since")
        return DecisionSelection(
            workspace_id=workspace_id,
            start_us=start_us,
            end_us=end_us,
            type=asked.type,
            component=asked.component or None,
            service=asked.service or None,
            rule=asked.rule or None,
            outcome=asked.outcome or None,
        )

    async def _named(self, sql: str, workspace_id: int) -> Collection[DecisionKey]:
        if self._sql is None:
            raise CallerError("sql: SQL is off here (storage.sql.enabled)")
        return await select_decisions(self._sql, workspace_id, sql)

    async def _rule_set(self, asked: schema.ReplayRequest, workspace_id: int) -> RuleSet:
        if (asked.rules is None) == (asked.name is None):
            raise CallerError("body: either rules or name must be given")
        if asked.name is not None:
            kept = await kept_rule_set(self._rule_sets, workspace_id, name=asked.name, version=asked.version)
            return await parsed_rule_set(kept)
        if asked.version is not None:
            raise CallerError("version: belongs to name")
        if not isinstance(asked.rules, str | dict):
            raise CallerError("rules: must be an object or a text")
        text = asked.rules if isinstance(asked.rules, str) else msgspec.json.format(_encode(asked.rules)).decode()
        return await asyncio.to_thread(parse_rule_set, text, source="rules")

    async def _apart(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """The events, made by a task of their own.

        Where a reader has left, the server cancels whatever is awaited, again and again, and a connection could not be closed.
        """
        queue = asyncio.Queue[Event | Exception | None](maxsize=_MAX_AHEAD)
        task = asyncio.create_task(_fill(queue, events), name="replay")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (event := await queue.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            task.cancel()

    async def _counted(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        if self._running >= _MAX_RUNNING:
            raise RetryableError(f"{_MAX_RUNNING} replays are running already; try again when one has ended")
        self._running += 1
        try:
            async for event in events:
                yield event
        finally:
            self._running -= 1
            await events.aclose()


def create_replay_router(
    reader: ReplayReader, rule_sets: RuleSets, *, clock: Callable[[], int], sql: SqlAccess | None = None
) -> APIRouter:
    """The router of ``POST /api/v1/decisions/replay``. ``clock`` gives Unix nanoseconds; ``sql`` lets SQL select decisions."""
    router = APIRouter(prefix="/api/v1/decisions", tags=["Decisions"], default_response_class=StructResponse)
    body = {"$ref": f"#/components/schemas/{schema.ReplayRequest.__name__}"}
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
    responses = describe(ReplayReport, *failures)
    line = {"$ref": f"#/components/schemas/{schema.ReplayLine.__name__}"}
    responses[200]["content"][NDJSON] = {"schema": line}
    router.add_api_route(
        "/replay",
        ReplayEndpoints(reader, rule_sets, clock=clock, sql=sql).replay,
        methods=["POST"],
        summary="Replay decisions under a rule set",
        responses=responses,
        response_model=None,
        openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": body}}}},
    )
    return router


def _asked(body: bytes) -> schema.ReplayRequest:
    try:
        asked = msgspec.json.decode(body, type=schema.ReplayRequest)
    except msgspec.ValidationError as exc:
        raise CallerError(f"body: {exc}") from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise CallerError("body: must be JSON in UTF-8") from exc
    texts = (asked.name, asked.version, asked.component, asked.service, asked.rule, asked.outcome)
    if any(text is not None and ("\0" in text or len(text) > 8_192) for text in texts):
        raise CallerError("body: a text has the NUL character, or is too long")
    return asked


async def _fill(queue: asyncio.Queue[Event | Exception | None], events: AsyncGenerator[Event, None]) -> None:
    async with aclosing(events):
        try:
            async for event in events:
                await queue.put(event)
            await queue.put(None)
        except Exception as exc:  # noqa: BLE001 - the top of a task: whoever waits for the events raises it
            await queue.put(exc)


async def _lines(first: Event, events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
    """The lines of a stream. Its status has gone out already, so what fails later is a line too."""
    yield await _line(first)
    try:
        async for event in events:
            yield await _line(event)
    except RelayscopeError as exc:
        yield _encode(schema.ReplayLine(problem=problem_of(exc))) + b"\n"
    finally:
        await events.aclose()


async def _line(event: Event) -> bytes:
    if isinstance(event, ReplayReport):
        return await asyncio.to_thread(_encode, schema.ReplayLine(report=event)) + b"\n"
    if isinstance(event, ReplayProgress):
        return _encode(schema.ReplayLine(progress=event)) + b"\n"
    assert isinstance(event, ReplayedDecision)  # noqa: S101 - there is no other
    return _encode(schema.ReplayLine(decision=event)) + b"\n"
