"""The endpoint that takes AI interactions, and answers when they are durable."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter, Request

from relayscope.api.rest import interaction_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.interaction_view import interaction_id
from relayscope.api.rest.submission import Accepted, SubmittedAiInteraction, read_item
from relayscope.api.rest.submission_body import SubmissionBodies, describe_body
from relayscope.api.rest.submitted import Refusal
from relayscope.api.workspace import workspace_of
from storage.interaction_reader import StoredSpans
from tracedata import Batch, Consumer, Span

_REFUSED = "the span that it makes was refused: it exceeds a limit of processors.limit, or cannot be stored"

_SpanId = tuple[bytes, bytes]


class SubmissionEndpoints:
    """Takes interactions. What it is given goes through ``consumer``, which redacts and stores."""

    def __init__(self, consumer: Consumer, stored: StoredSpans) -> None:
        self._consumer = consumer
        self._stored = stored
        self._bodies = SubmissionBodies[Accepted](read_item)

    async def submit(self, request: Request) -> StructResponse:
        """One interaction as an object, or up to 1,000 as a list. Answered when everything good is durable.

        An item that cannot be taken does not keep its neighbours out: the answer tells of each, in order. What comes again
        with the same `id` (or, without one, with the same content) is stored once. A single object that cannot be taken is
        refused as a whole. Items become spans with `gen_ai.*` attributes, and go through the same limits and the same
        redaction as OTLP.
        """
        found = await self._bodies.read(request)
        return StructResponse(await self._store(workspace_of(request), found))

    async def _store(self, workspace_id: int, found: Sequence[Accepted | Refusal]) -> schema.Submission:
        spans = {_id_of(one.span): one.span for one in reversed(found) if isinstance(one, Accepted)}
        known = await self._stored.stored(workspace_id, list(spans)) if spans else set()
        fresh = [span for key, span in spans.items() if key not in known]
        refused: set[_SpanId] = set()
        if fresh:
            receipt = await self._consumer.consume(Batch(workspace_id=workspace_id, spans=fresh))
            if receipt.rejected:
                ids = [_id_of(span) for span in fresh]
                refused = set(ids) - await self._stored.stored(workspace_id, ids)
        return _answer(found, known=known, refused=refused)


def create_router(consumer: Consumer, stored: StoredSpans) -> APIRouter:
    """The router of ``POST /api/v1/telemetry/ai-interactions``."""
    router = APIRouter(prefix="/api/v1/telemetry", tags=["AI interactions"], default_response_class=StructResponse)
    router.add_api_route(
        "/ai-interactions",
        SubmissionEndpoints(consumer, stored).submit,
        methods=["POST"],
        summary="Submit AI interactions",
        responses=describe(schema.Submission, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
        openapi_extra=describe_body(SubmittedAiInteraction),
    )
    return router


def _answer(found: Sequence[Accepted | Refusal], *, known: set[_SpanId], refused: set[_SpanId]) -> schema.Submission:
    seen = set(known)
    items: list[schema.SubmittedInteraction] = []
    for index, one in enumerate(found):
        if isinstance(one, Refusal):
            items.append(_rejected(index, one.id, one.errors))
            continue
        key = _id_of(one.span)
        if key in refused:
            items.append(_rejected(index, one.id, [schema.FieldError(field="", detail=_REFUSED)]))
            continue
        items.append(_stored(index, one, is_known=key in seen))
        seen.add(key)
    rejected = sum(item.status == "rejected" for item in items)
    return schema.Submission(accepted=len(items) - rejected, rejected=rejected, items=items)


def _stored(index: int, one: Accepted, *, is_known: bool) -> schema.SubmittedInteraction:
    trace_id, span_id = _id_of(one.span)
    return schema.SubmittedInteraction(
        index=index,
        id=one.id,
        status="known" if is_known else "stored",
        interaction_id=interaction_id(trace_id, span_id),
        trace_id=trace_id.hex(),
        span_id=span_id.hex(),
        errors=[],
    )


def _rejected(index: int, name: str | None, errors: Sequence[schema.FieldError]) -> schema.SubmittedInteraction:
    return schema.SubmittedInteraction(
        index=index, id=name, status="rejected", interaction_id=None, trace_id=None, span_id=None, errors=errors
    )


def _id_of(span: Span) -> _SpanId:
    return span.trace_id, span.span_id
