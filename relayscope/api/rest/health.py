"""The endpoints of health: alive, ready, and what the store is."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from relayscope.api.observation import SystemView
from relayscope.api.rest import schema
from relayscope.api.rest.answer import StructResponse, describe
from storage.api import SpanReader, StoreHealth
from tracedata import RetryableError

# A probe that is never answered says less than one that is refused.
_PATIENCE_S = 5.0


class HealthEndpoints:
    """Answers for the state of the process and its store."""

    def __init__(self, reader: SpanReader, *, version: str, system: SystemView | None) -> None:
        self._reader = reader
        self._system = system
        self._version = version

    async def live(self) -> Response:
        """The process runs. Says nothing about the store."""
        return StructResponse(schema.Liveness(status="ok"))

    async def ready(self) -> Response:
        """All processes are up and the store answers, so requests can be served."""
        missing = self._system.missing() if self._system else ()
        if missing:
            raise RetryableError(f"Not everything is up: {', '.join(missing)}.")
        await self._health()
        return StructResponse(schema.Liveness(status="ready"))

    async def telemetry(self) -> Response:
        """Versions, ingest figures, and whether the store keeps what was acknowledged through a crash."""
        health = await self._health()
        durability = schema.Durability(
            fsync=health.fsync,
            full_page_writes=health.full_page_writes,
            synchronous_commit=health.synchronous_commit,
        )
        is_durable = health.fsync and health.full_page_writes and health.synchronous_commit
        store = schema.Store(
            server_version=health.server_version, schema_version=health.schema_version, durability=durability
        )
        answer = schema.TelemetryHealth(
            status="ok" if is_durable else "degraded",
            version=self._version,
            store=store,
            ingest=await self._system.ingest() if self._system else None,
        )
        return StructResponse(answer)

    async def _health(self) -> StoreHealth:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._reader.health()
        except TimeoutError as exc:
            raise RetryableError("The store did not answer in time.") from exc


def create_router(reader: SpanReader, *, version: str, system: SystemView | None = None) -> APIRouter:
    """The router of ``/healthz``, ``/readyz`` and ``/api/v1/telemetry/health``."""
    router = APIRouter(tags=["Health"], default_response_class=StructResponse)
    endpoints = HealthEndpoints(reader, version=version, system=system)
    router.add_api_route("/healthz", endpoints.live, summary="Alive", responses=describe(schema.Liveness))
    unavailable = HTTPStatus.SERVICE_UNAVAILABLE
    router.add_api_route("/readyz", endpoints.ready, summary="Ready", responses=describe(schema.Liveness, unavailable))
    router.add_api_route(
        "/api/v1/telemetry/health",
        endpoints.telemetry,
        summary="Health of the system",
        responses=describe(schema.TelemetryHealth, unavailable),
    )
    return router
