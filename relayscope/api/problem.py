"""Errors as RFC 9457 ``application/problem+json``; which error family becomes which status is in one table here."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from query.guard.position import Place, SqlRefusal
from tracedata import CallerError, NotFoundError, RelayscopeError, RetryableError

PROBLEM_MEDIA_TYPE = "application/problem+json"

# Looked through in order; a family that is not listed is a bug of ours, so it becomes 500.
_STATUSES: tuple[tuple[type[RelayscopeError], HTTPStatus], ...] = (
    (CallerError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_UNEXPECTED = "Something went wrong on our side; the log of the server says more."


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed (RFC 9457)."""

    type: Annotated[str, msgspec.Meta(description="The kind of problem; about:blank means that the status says it.")]
    title: Annotated[str, msgspec.Meta(description="The words of the HTTP status.", examples=["Bad Request"])]
    status: Annotated[int, msgspec.Meta(description="The HTTP status.", examples=[400])]
    detail: Annotated[
        str, msgspec.Meta(description="What is wrong, naming the parameter.", examples=["limit: must be at least 1"])
    ]
    line: Annotated[int | msgspec.UnsetType, msgspec.Meta(description="Where in a query, from 1.")] = msgspec.UNSET
    column: Annotated[int | msgspec.UnsetType, msgspec.Meta(description="Where in that line, from 1.")] = msgspec.UNSET


def problem_response(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, place: Place | None = None
) -> Response:
    """An answer that carries a problem. ``place`` is where in a query it lies."""
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        line=place.line if place else msgspec.UNSET,
        column=place.column if place else msgspec.UNSET,
    )
    return Response(
        msgspec.json.encode(problem), status_code=status, media_type=PROBLEM_MEDIA_TYPE, headers=dict(headers or {})
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of ``app`` that a route does not answer itself a problem."""
    app.add_exception_handler(RelayscopeError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_ours(_request: Request, exc: Exception) -> Response:
    for family, status in _STATUSES:
        if isinstance(exc, family):
            place = exc.place if isinstance(exc, SqlRefusal) else None
            return problem_response(status, str(exc), headers=_retry_headers(exc), place=place)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, _UNEXPECTED)


def _retry_headers(exc: Exception) -> dict[str, str]:
    if not isinstance(exc, RetryableError):
        return {}
    return {"Retry-After": str(max(1, math.ceil(exc.retry_after_s)))}


async def _answer_validation(_request: Request, exc: Exception) -> Response:
    errors = exc.errors() if isinstance(exc, RequestValidationError) else []
    return problem_response(HTTPStatus.BAD_REQUEST, "; ".join(map(_sentence, errors)))


# ``Any``: this is how FastAPI types the entries of a validation error.
def _sentence(error: Mapping[str, Any]) -> str:
    # ``loc`` begins with where the value was found: ("query", "limit") or ("path", "traceId").
    location: Sequence[object] = error["loc"]
    # A value of a repeatable parameter has its place, which says nothing to those who wrote a URL.
    name = ".".join(str(step) for step in location[1:] if not isinstance(step, int)) or str(location[0])
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown query parameter"
    return f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}"


async def _answer_http(_request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException):
        raise exc
    if exc.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(exc.status_code, "There is nothing at this path; /openapi.json lists what there is.")
    return problem_response(exc.status_code, str(exc.detail), headers=exc.headers)


async def _answer_unexpected(_request: Request, _exc: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it.
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, _UNEXPECTED)
