"""``/metrics``: what Prometheus reads."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import Response

from relayscope.api.observation import SystemView

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_router(system: SystemView) -> APIRouter:
    """The router of ``/metrics``."""

    async def metrics() -> Response:
        """Metrics of all processes in Prometheus' text format."""
        return Response(await system.exposition(), media_type=_CONTENT_TYPE)

    router = APIRouter(tags=["Health"], default_response_class=Response)
    content = {"text/plain": {"schema": {"type": "string"}}}
    router.add_api_route("/metrics", metrics, summary="Metrics", responses={HTTPStatus.OK.value: {"content": content}})
    return router
