"""What a request is told that is not for this server, in the form of the errors of the API that it wanted."""

from __future__ import annotations

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from relayscope.api import jaeger
from relayscope.api.observation import ApiInstruments, ObservedRequests
from relayscope.api.problem import problem_response


def refusing(status: int, message: str, *, instruments: ApiInstruments) -> ASGIApp:
    """An application that answers every request so, and tells of it as the whole application does."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if jaeger.is_jaegers(scope):
            response = jaeger.refusal_response(scope["path"], status=HTTPStatus(status), message=message)
        else:
            response = problem_response(status, message)
        await response(scope, receive, send)

    return ObservedRequests(answer, instruments=instruments)
