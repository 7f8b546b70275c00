"""The endpoints of redaction: what was removed, by which policy, and the audit log. None of them changes anything."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Protocol

from fastapi import APIRouter, Query, Request
from pydantic import Field

from relayscope.api.rest import redaction_schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.parameter import Parameters, Text, WindowParameters
from relayscope.api.rest.value import iso_time
from relayscope.api.workspace import workspace_of
from relayscope.effective_policy import EffectivePolicy
from storage.audit import AuditLog, RedactionStatistics

_NS_PER_US = 1000


# The policy of a workspace.
PolicyOf = Callable[[int], EffectivePolicy]


class RedactionStore(AuditLog, RedactionStatistics, Protocol):
    """What the endpoints read."""


class StatisticsParameters(WindowParameters):
    """Which spans and log records count, by their time."""

    limit: int = Field(
        1000, ge=1, le=10_000, description="At most so many pairs of entity and key, the most frequent first."
    )


class AuditParameters(Parameters):
    """Which entries."""

    action: Text | None = Field(None, description="Only this kind of act.", examples=["redaction_policy"])
    limit: int = Field(100, ge=1, le=1000, description="At most so many, the newest first.")


class RedactionEndpoints:
    """Answers from the receipts of spans and from the audit log."""

    def __init__(self, store: RedactionStore, policy_of: PolicyOf, *, clock: Callable[[], int]) -> None:
        self._store = store
        self._policy_of = policy_of
        self._clock = clock

    async def statistics(
        self, request: Request, parameters: Annotated[StatisticsParameters, Query()]
    ) -> StructResponse:
        """Values that were redacted in spans that start in the window, and in log records of that time, by entity and attribute key."""
        workspace_id = workspace_of(request)
        window = parameters.window(workspace_id=workspace_id, now_ns=self._clock())
        counts = await self._store.redaction_counts(window, limit=parameters.limit)
        items = [
            redaction_schema.RedactionCount(entity=one.entity, key=one.key, values=one.values, spans=one.spans)
            for one in counts
        ]
        return StructResponse(
            redaction_schema.RedactionStatistics(
                items=items,
                next_cursor=None,
                start=iso_time(window.start_us * _NS_PER_US),
                end=iso_time(window.end_us * _NS_PER_US),
                policy_hash=self._policy_of(workspace_id).policy_hash,
            )
        )

    async def policy(self, request: Request) -> StructResponse:
        """The policy in force."""
        policy = self._policy_of(workspace_of(request))
        return StructResponse(
            redaction_schema.RedactionPolicy(
                enabled=policy.is_enabled, policy_hash=policy.policy_hash, policy=policy.tree
            )
        )

    async def audit(self, request: Request, parameters: Annotated[AuditParameters, Query()]) -> StructResponse:
        """Who changed what that others must be able to prove, newest first."""
        entries = await self._store.entries(
            workspace_of(request), limit=parameters.limit, action=parameters.action or None
        )
        items = [
            redaction_schema.AuditEntry(
                audit_id=entry.audit_id,
                at=iso_time(entry.at_us * _NS_PER_US),
                actor=entry.actor,
                action=entry.action,
                detail=entry.detail,
            )
            for entry in entries
        ]
        return StructResponse(redaction_schema.AuditList(items=items, next_cursor=None))


def create_router(store: RedactionStore, policy_of: PolicyOf, *, clock: Callable[[], int]) -> APIRouter:
    """The router of ``/api/v1/redaction`` and ``/api/v1/audit``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1", tags=["Redaction"], default_response_class=StructResponse)
    endpoints = RedactionEndpoints(store, policy_of, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/redaction/stats",
        endpoints.statistics,
        summary="What was redacted",
        responses=describe(redaction_schema.RedactionStatistics, *failures),
    )
    router.add_api_route(
        "/redaction/policy",
        endpoints.policy,
        summary="The policy in force",
        responses=describe(redaction_schema.RedactionPolicy),
    )
    router.add_api_route(
        "/audit", endpoints.audit, summary="The audit log", responses=describe(redaction_schema.AuditList, *failures)
    )
    return router
