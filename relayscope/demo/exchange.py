"""Calls between simulated services, and to databases, with the attributes of the HTTP and database conventions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from relayscope.demo.clock import Clock
from relayscope.demo.service import Service, Work

_NETWORK_MS = 0.6
_SERVICE_PORT = 8080


class Exchange:
    """One HTTP exchange as the server sees it: its span, and the status that it will answer with."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.status_code: int = HTTPStatus.OK


@contextmanager
def call(
    caller: Work, callee: Service, *, route: str, method: str = "POST", clock: Clock | None = None
) -> Iterator[Exchange]:
    """A CLIENT span in ``caller`` around a SERVER span in ``callee``; the block is what the server does.

    The status set on the exchange is written on both: from 400 on it is an error for the client, from 500 on for the
    server too.
    """
    host = f"{callee.name}.example.com"
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.full": f"http://{host}:{_SERVICE_PORT}{route}",
        "url.template": route,
        "server.address": host,
        "server.port": _SERVICE_PORT,
        "network.protocol.version": "1.1",
    }
    with caller.step(f"{method} {route}", kind=SpanKind.CLIENT, attributes=attributes, clock=clock) as client:
        client.clock.advance(_NETWORK_MS)
        with serve(callee, headers=client.headers(), route=route, method=method, clock=client.clock) as exchange:
            yield exchange
        client.clock.advance(_NETWORK_MS)
        answer(client, exchange.status_code, failed_from=HTTPStatus.BAD_REQUEST)


@contextmanager
def serve(
    service: Service, *, headers: dict[str, str], route: str, clock: Clock, method: str = "POST"
) -> Iterator[Exchange]:
    """A SERVER span of ``service``, child of the context in ``headers`` or a root without one."""
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "http.route": route,
        "url.path": route,
        "url.scheme": "http",
        "server.address": f"{service.name}.example.com",
        "server.port": _SERVICE_PORT,
        "network.protocol.version": "1.1",
    }
    with service.open(
        f"{method} {route}",
        clock=clock,
        parent=service.receive(headers),
        kind=SpanKind.SERVER,
        attributes=attributes,
    ) as work:
        exchange = Exchange(work)
        yield exchange
        answer(work, exchange.status_code, failed_from=HTTPStatus.INTERNAL_SERVER_ERROR)


def answer(work: Work, status_code: int, *, failed_from: int) -> None:
    """Writes the status of a response, and the failure where it is one."""
    work.note({"http.response.status_code": int(status_code)})
    if status_code >= failed_from:
        work.fail(str(int(status_code)), f"HTTP {int(status_code)}")


def query_database(work: Work, *, sql: str, operation: str, collection: str, milliseconds: float) -> None:
    """A CLIENT span of a statement sent to PostgreSQL."""
    attributes: dict[str, AttributeValue] = {
        "db.system.name": "postgresql",
        "db.namespace": "relaycore",
        "db.operation.name": operation,
        "db.collection.name": collection,
        "db.query.text": sql,
        "db.query.summary": f"{operation} {collection}",
        "server.address": "postgres.example.com",
        "server.port": 5432,
    }
    with work.step(f"{operation} {collection}", kind=SpanKind.CLIENT, attributes=attributes) as statement:
        statement.clock.advance(milliseconds)


def query_redis(work: Work, *, command: str, milliseconds: float) -> None:
    """A CLIENT span of a command sent to Redis."""
    attributes: dict[str, AttributeValue] = {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.operation.name": command,
        "db.query.text": f"{command} ?",
        "server.address": "redis.example.com",
        "server.port": 6379,
    }
    with work.step(command, kind=SpanKind.CLIENT, attributes=attributes) as statement:
        statement.clock.advance(milliseconds)
