"""The JSON of services, their operations, and who calls whom."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from relayscope.api.rest.schema import Json, Milliseconds, NextCursor, Time


class Service(Json, frozen=True, kw_only=True):
    """A service that sent spans."""

    name: str


class ServiceList(Json, frozen=True, kw_only=True):
    """A page of services, sorted by name."""

    items: Sequence[Service]
    next_cursor: NextCursor


class Operation(Json, frozen=True, kw_only=True):
    """A span name of a service."""

    name: str
    kind: Annotated[str, Meta(examples=["server"])]


class OperationList(Json, frozen=True, kw_only=True):
    """A page of operations, sorted by name and kind."""

    items: Sequence[Operation]
    next_cursor: NextCursor


class ServiceNode(Json, frozen=True, kw_only=True):
    """A service and the calls that entered it; or something that sends no spans itself, and the calls that services made to it."""

    service: Annotated[str, Meta(description="The name, whatever the kind.")]
    kind: Annotated[
        str, Meta(description="`service`, `database`, `messaging`, `model` or `external`.", examples=["service"])
    ]
    system: Annotated[str | None, Meta(description="Such as `postgresql` or `kafka`; none of a service.")]
    spans: int
    calls: Annotated[
        int, Meta(description="Spans that have no parent in the same service; of others, spans that name it.")
    ]
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class ServiceEdge(Json, frozen=True, kw_only=True):
    """Calls from one to another, measured on the callee's spans, or on those of the service where the other end sends none."""

    source: str
    target: str
    kind: Annotated[
        str, Meta(description="`call` between services; else the kind of the end that is none.", examples=["call"])
    ]
    source_kind: Annotated[str, Meta(description="That of the node.", examples=["service"])]
    target_kind: Annotated[str, Meta(description="That of the node.", examples=["service"])]
    system: Annotated[str | None, Meta(description="That of the end that is no service.")]
    is_async: Annotated[bool, Meta(description="Whether it goes through messages, so that nobody waits for it.")] = (
        msgspec.field(name="async")
    )
    calls: int
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    calls_per_second: Annotated[float, Meta(description="Calls divided by the length of the window.")]


class ServiceMap(Json, frozen=True, kw_only=True):
    """Who calls whom. A name and a kind, and a system where there is one, say which node an edge ends at."""

    nodes: Sequence[ServiceNode]
    edges: Sequence[ServiceEdge]
    start: Time
    end: Time
    truncated: Annotated[bool, Meta(description="Whether rarer nodes or edges were left out to bound the answer.")]


SERVICE_ANSWERS: tuple[type[msgspec.Struct], ...] = (ServiceList, OperationList, ServiceMap)
