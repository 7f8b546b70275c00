"""Errors as RFC 9457 ``application/problem+json``; which error family becomes which status is in one table here."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from query.place import PlacedError
from tracedata import CallerError, NotFoundError, RelayscopeError, RetryableError

PROBLEM_MEDIA_TYPE = "application/problem+json"

# Looked through in order; a family that is not listed is a bug of ours, so it becomes 500.
_STATUSES: tuple[tuple[type[RelayscopeError], HTTPStatus], ...] = (
    (CallerError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (RetryableError, HTTPStatus.SERVICE_UNAVAILABLE),
)
_UNEXPECTED = "Something went wrong on our side; the log of the server says more."


class QueryPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where a query is at fault, and what is possible there."""

    line: Annotated[int, msgspec.Meta(description="Counted from 1.")]
    column: Annotated[int, msgspec.Meta(description="Counted from 1, in characters.")]
    found: Annotated[str, msgspec.Meta(description="What stands there; empty when the detail says all.")]
    expected: Annotated[Sequence[str], msgspec.Meta(description="What could stand there.")]
    excerpt: Annotated[str, msgspec.Meta(description="The line, and below it a caret at the place.")]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request failed (RFC 9457)."""

    type: Annotated[str, msgspec.Meta(description="The kind of problem; about:blank means that the status says it.")]
    title: Annotated[str, msgspec.Meta(description="The words of the HTTP status.", examples=["Bad Request"])]
    status: Annotated[int, msgspec.Meta(description="The HTTP status.", examples=[400])]
    detail: Annotated[
        str, msgspec.Meta(description="What is wrong, naming the parameter.", examples=["limit: must be at least 1"])
    ]
    position: Annotated[QueryPosition | UnsetType, msgspec.Meta(description="Where a query is at fault.")] = UNSET


def problem_response(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    position: QueryPosition | UnsetType = UNSET,
) -> Response:
    """An answer that carries a problem."""
    problem = _problem(status, detail, position)
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
    problem = problem_of(exc)
    return problem_response(problem.status, problem.detail, headers=_retry_headers(exc), position=problem.position)


def problem_of(exc: Exception) -> Problem:
    """The problem that an error of ours is. One of a family without a status is a bug."""
    for family, status in _STATUSES:
        if isinstance(exc, family):
            return _problem(status, str(exc), _position(exc))
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, _UNEXPECTED)


def _problem(status: int, detail: str, position: QueryPosition | UnsetType = UNSET) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(type="about:blank", title=title, status=status, detail=detail, position=position)


def _position(exc: Exception) -> QueryPosition | UnsetType:
    place = exc.place if isinstance(exc, PlacedError) else None
    if not isinstance(exc, PlacedError) or place is None:
        return UNSET
    return QueryPosition(
        line=place.line, column=place.column, found=exc.found, expected=exc.expected, excerpt=place.excerpt
    )


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
