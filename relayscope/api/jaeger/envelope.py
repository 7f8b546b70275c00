"""How answers and errors of Jaeger's older HTTP API are written."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.routing import APIRoute

from relayscope.api.jaeger.model import Envelope, Failure
from relayscope.api.jaeger.parameter import first
from tracedata import CallerError, NotFoundError, RelayscopeError, RetryableError

_INDENT = 4
# The first row that fits wins.
_STATUSES: tuple[tuple[type[RelayscopeError], HTTPStatus], ...] = (
    (CallerError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (RelayscopeError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def answer(request: Request, envelope: Envelope) -> Response:
    """The envelope as JSON, indented when ``prettyPrint`` is set to anything but ``false``."""
    body = msgspec.json.encode(envelope)
    if first(request.query_params, "prettyPrint") not in ("", "false"):
        body = msgspec.json.format(body, indent=_INDENT)
    return Response(body, media_type="application/json")


def error_response(error: RelayscopeError) -> Response:
    """The envelope as Go's ``http.Error`` sends it: JSON that is called plain text, and a line end."""
    status = next(status for family, status in _STATUSES if isinstance(error, family))
    body = msgspec.json.encode(Envelope(data=None, errors=[Failure(code=status, msg=str(error))]))
    headers = {"X-Content-Type-Options": "nosniff"}
    if isinstance(error, RetryableError):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return Response(body + b"\n", status_code=status, media_type="text/plain; charset=utf-8", headers=headers)


class EnvelopeRoute(APIRoute):
    """A route whose errors are answered in the envelope."""

    # FastAPI types its handlers so: a coroutine has no interesting yield and send types.
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that the route calls."""
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except RelayscopeError as exc:
                return error_response(exc)

        return handle_errors
