"""What the API tells about its requests, and what it is told about the system it belongs to."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relayscope.api.rest.health_schema import IngestFigures

# Anything else would be a word of the caller's in a label.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER = "other"


class ApiProbe(Protocol):
    """One request while it is handled."""

    def routed(self, template: str) -> None:
        """The template of the route that took it, such as ``/api/v1/traces/{traceId}``."""
        ...

    def answered(self, status: int) -> None:
        """The status of the answer. Without it, the request failed in a way that we did not foresee."""
        ...


class ApiInstruments(Protocol):
    """What the API tells. Must not raise."""

    def request(self, *, method: str) -> AbstractContextManager[ApiProbe]:
        """Around one request."""
        ...


class SystemView(Protocol):
    """The other processes, as far as the API can see them."""

    def missing(self) -> Sequence[str]:
        """What should run and does not, in words; empty when all is up."""
        ...

    async def ingest(self) -> IngestFigures:
        """Sums over all workers."""
        ...

    async def exposition(self) -> bytes:
        """All metrics in Prometheus' text format. Answers also while the store does not."""
        ...


class ObservedRequests:
    """ASGI middleware that tells of every request."""

    def __init__(self, app: ASGIApp, *, instruments: ApiInstruments) -> None:
        self._app = app
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        with self._instruments.request(method=method) as probe:

            async def observed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    probe.answered(message["status"])
                await send(message)

            try:
                await self._app(scope, receive, observed)
            finally:
                probe.routed(_template(scope))


# ``Any``: a scope holds whatever frameworks put there.
def _template(scope: MutableMapping[str, Any] | Mapping[str, Any]) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else _OTHER
