"""What a request below Jaeger's paths is told that is not served at all, in the form of the API it wanted."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Response

from relayscope.api.jaeger.envelope import plain_error
from relayscope.api.jaeger.model import Envelope, Failure
from relayscope.api.jaeger.v3 import gateway_error
from tracedata import CallerError

_GATEWAY_PREFIX = "/api/v3/"


def refusal_response(path: str, *, status: HTTPStatus, message: str) -> Response:
    """The answer for a path that ``is_jaegers`` says is Jaeger's."""
    error = CallerError(message)
    if path.startswith(_GATEWAY_PREFIX):
        return gateway_error(error, status=status)
    return plain_error(Envelope(data=None, errors=[Failure(code=status, msg=message)]), error, status=status)
