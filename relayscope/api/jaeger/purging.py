"""``POST /purge``, as Jaeger's end-to-end tests call it between two of them. It exists only where the settings allow it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

from fastapi import APIRouter
from starlette.responses import Response

Purge: TypeAlias = Callable[[], Awaitable[None]]


def create_purging_router(purge: Purge) -> APIRouter:
    """The router of ``/purge``."""

    async def empty() -> Response:
        """Removes everything that was received."""
        await purge()
        return Response(status_code=HTTPStatus.OK)

    router = APIRouter(tags=["jaeger"], default_response_class=Response)
    router.add_api_route("/purge", empty, methods=["POST"], summary="Remove everything that was received")
    return router
