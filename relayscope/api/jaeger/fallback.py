"""What is answered below ``/api`` where nothing is served."""

from __future__ import annotations

from http import HTTPStatus

from starlette.datastructures import URLPath
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

_PREFIX = "/api/"
# This prefix has an error format of its own.
_OTHERS_PREFIX = "/api/v1"


def is_jaegers(scope: Scope) -> bool:
    """Whether the path is below ``/api`` and nobody else's."""
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    is_others = path == _OTHERS_PREFIX or path.startswith(f"{_OTHERS_PREFIX}/")
    return path.startswith(_PREFIX) and not is_others


class UnknownEndpoint(BaseRoute):
    """Answers 404 as Go's ``http.NotFound`` does, for every path below ``/api`` but ``/api/v1``.

    To be the last entry of ``app.router.routes``. It claims a partial match only, so that every route that knows the
    path, be it with another method, comes first.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path is Jaeger's."""
        is_ours = scope["type"] == "http" and is_jaegers(scope)
        return (Match.PARTIAL, {}) if is_ours else (Match.NONE, {})

    def url_path_for(self, name: str, /, **_path_params: object) -> URLPath:
        """It has no name."""
        raise NoMatchFound(name, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""
        response = PlainTextResponse(
            "404 page not found\n",
            status_code=HTTPStatus.NOT_FOUND,
            headers={"X-Content-Type-Options": "nosniff"},
        )
        await response(scope, receive, send)
