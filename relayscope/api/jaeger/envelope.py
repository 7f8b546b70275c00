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


class DisabledError(CallerError):
    """What is asked for is not there in this installation."""


class TooLargeError(CallerError):
    """A body has more bytes than are taken."""


# The first row that fits wins.
_STATUSES: tuple[tuple[type[RelayscopeError], HTTPStatus], ...] = (
    (DisabledError, HTTPStatus.NOT_IMPLEMENTED),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (CallerError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (RelayscopeError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def answer(request: Request, answered: msgspec.Struct, *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """The envelope, or what stands in its place, as JSON, indented when ``prettyPrint`` is set to anything but ``false``."""
    body = msgspec.json.encode(answered)
    if first(request.query_params, "prettyPrint") not in ("", "false"):
        body = msgspec.json.format(body, indent=_INDENT)
    return Response(body, status_code=status, media_type="application/json")


def error_response(error: RelayscopeError) -> Response:
    """The envelope as Go's ``http.Error`` sends it: JSON that is called plain text, and a line end."""
    status = status_of(error)
    return plain_error(Envelope(data=None, errors=[Failure(code=status, msg=str(error))]), error, status=status)


def status_of(error: RelayscopeError) -> HTTPStatus:
    """The status of a family of errors."""
    return next(status for family, status in _STATUSES if isinstance(error, family))


def plain_error(told: msgspec.Struct, error: RelayscopeError, *, status: HTTPStatus) -> Response:
    """``told`` as the body, and ``error`` in the headers."""
    body = msgspec.json.encode(told)
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
