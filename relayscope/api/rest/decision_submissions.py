"""The endpoint that takes decision traces, and answers when they are durable."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter, Request

from relayscope.api.rest import decision_schema as schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.decision_submission import AcceptedTrace, SubmittedDecisionTrace, read_trace
from relayscope.api.rest.interaction_schema import FieldError
from relayscope.api.rest.submission_body import SubmissionBodies, describe_body
from relayscope.api.rest.submitted import Refusal
from relayscope.api.workspace import workspace_of
from tracedata import Batch, Consumer

_REFUSED = "a log record that it makes was refused: it exceeds a limit of processors.limit, or cannot be stored"


class DecisionSubmissionEndpoints:
    """Takes decision traces. What it is given goes through ``consumer``, which redacts and stores."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._bodies = SubmissionBodies[AcceptedTrace](read_trace)

    async def submit(self, request: Request) -> StructResponse:
        """One decision trace as an object, or up to 1,000 as a list. Answered when everything good is durable.

        A trace that cannot be taken does not keep its neighbours out: the answer tells of each, in order. What comes again
        is stored once, also when it came as spans before, by `id` and trace. Decisions become log records of the convention
        `decision_trace.*`, and go through the same limits and the same redaction as OTLP.
        """
        found = await self._bodies.read(request)
        return StructResponse(await self._store(workspace_of(request), found))

    async def _store(self, workspace_id: int, found: Sequence[AcceptedTrace | Refusal]) -> schema.DecisionSubmission:
        accepted = [one for one in found if isinstance(one, AcceptedTrace)]
        refused: set[int] = set()
        if accepted and not await self._is_stored(workspace_id, accepted):
            # Which of them it was shows when each comes alone; what is stored already is recognised.
            refused = {id(one) for one in accepted if not await self._is_stored(workspace_id, [one])}
        items = [_answer(index, one, is_refused=id(one) in refused) for index, one in enumerate(found)]
        rejected = sum(item.status == "rejected" for item in items)
        return schema.DecisionSubmission(accepted=len(items) - rejected, rejected=rejected, items=items)

    async def _is_stored(self, workspace_id: int, traces: Sequence[AcceptedTrace]) -> bool:
        records = [record for trace in traces for record in trace.records]
        receipt = await self._consumer.consume(Batch(workspace_id=workspace_id, log_records=records))
        return not receipt.rejected


def _answer(index: int, one: AcceptedTrace | Refusal, *, is_refused: bool) -> schema.SubmittedTrace:
    if isinstance(one, AcceptedTrace) and not is_refused:
        return schema.SubmittedTrace(
            index=index, status="stored", trace_id=one.trace_id.hex(), decisions=one.decisions, errors=[]
        )
    errors = one.errors if isinstance(one, Refusal) else [FieldError(field="", detail=_REFUSED)]
    return schema.SubmittedTrace(index=index, status="rejected", trace_id=None, decisions=0, errors=errors)


def create_router(consumer: Consumer) -> APIRouter:
    """The router of ``POST /api/v1/telemetry/decisions``."""
    router = APIRouter(prefix="/api/v1/telemetry", tags=["Decisions"], default_response_class=StructResponse)
    router.add_api_route(
        "/decisions",
        DecisionSubmissionEndpoints(consumer).submit,
        methods=["POST"],
        summary="Submit decision traces",
        responses=describe(schema.DecisionSubmission, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
        openapi_extra=describe_body(SubmittedDecisionTrace),
    )
    return router
