"""The endpoints of health: alive, ready, and what the store is."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from relayscope.api.observation import SystemView
from relayscope.api.rest import health_schema
from relayscope.api.rest.answer import StructResponse, describe
from storage.api import SpanReader, StoreHealth
from tracedata import RetryableError

# A probe that is never answered says less than one that is refused.
PATIENCE_S = 5.0


class HealthEndpoints:
    """Answers for the state of the process and its store."""

    def __init__(self, reader: SpanReader, *, version: str, system: SystemView | None, patience_s: float) -> None:
        self._reader = reader
        self._system = system
        self._version = version
        self._patience_s = patience_s
        self._question: asyncio.Task[StoreHealth] | None = None
        self._given_up: set[asyncio.Task[StoreHealth]] = set()

    async def live(self) -> Response:
        """The process runs. Says nothing about the store."""
        return StructResponse(health_schema.Liveness(status="ok"))

    async def ready(self) -> Response:
        """All processes are up and the store answers, so requests can be served."""
        missing = self._system.missing() if self._system else ()
        if missing:
            raise RetryableError(f"Not everything is up: {', '.join(missing)}.")
        await self._health()
        return StructResponse(health_schema.Liveness(status="ready"))

    async def telemetry(self) -> Response:
        """Versions, ingest figures, and whether the store keeps what was acknowledged through a crash."""
        health = await self._health()
        durability = health_schema.Durability(
            fsync=health.fsync,
            full_page_writes=health.full_page_writes,
            synchronous_commit=health.synchronous_commit,
        )
        is_durable = health.fsync and health.full_page_writes and health.synchronous_commit
        store = health_schema.Store(
            server_version=health.server_version, schema_version=health.schema_version, durability=durability
        )
        answer = health_schema.TelemetryHealth(
            status="ok" if is_durable else "degraded",
            version=self._version,
            store=store,
            ingest=await self._system.ingest() if self._system else None,
        )
        return StructResponse(answer)

    async def _health(self) -> StoreHealth:
        question = self._question
        if question is None or question.done():
            question = self._question = asyncio.create_task(self._ask())
        # Not with a timeout around it: taking back a question can take longer than waiting for its answer.
        await asyncio.wait((question,), timeout=self._patience_s)
        if question.done() and not question.cancelled():
            return question.result()
        self._give_up(question)
        raise RetryableError("The store did not answer in time.")

    async def _ask(self) -> StoreHealth:
        return await self._reader.health()

    def _give_up(self, question: asyncio.Task[StoreHealth]) -> None:
        if self._question is question:
            self._question = None
        # The loop holds tasks only weakly.
        self._given_up.add(question)
        question.add_done_callback(self._forget)
        question.cancel()

    def _forget(self, question: asyncio.Task[StoreHealth]) -> None:
        self._given_up.discard(question)
        if not question.cancelled():
            # Whatever became of it, somebody has seen it.
            question.exception()


def create_router(
    reader: SpanReader, *, version: str, system: SystemView | None = None, patience_s: float = PATIENCE_S
) -> APIRouter:
    """The router of ``/healthz``, ``/readyz`` and ``/api/v1/telemetry/health``. ``patience_s`` is how long they wait for the store."""
    router = APIRouter(tags=["Health"], default_response_class=StructResponse)
    endpoints = HealthEndpoints(reader, version=version, system=system, patience_s=patience_s)
    router.add_api_route("/healthz", endpoints.live, summary="Alive", responses=describe(health_schema.Liveness))
    # FastAPI would describe both methods with one id.
    for path, endpoint in (("/healthz", endpoints.live), ("/readyz", endpoints.ready)):
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    router.add_api_route(
        "/readyz", endpoints.ready, summary="Ready", responses=describe(health_schema.Liveness, unavailable)
    )
    router.add_api_route(
        "/api/v1/telemetry/health",
        endpoints.telemetry,
        summary="Health of the system",
        responses=describe(health_schema.TelemetryHealth, unavailable),
    )
    return router
