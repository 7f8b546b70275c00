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
    """A service and the calls that entered it."""

    service: str
    spans: int
    calls: Annotated[int, Meta(description="Spans that have no parent in the same service.")]
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds


class ServiceEdge(Json, frozen=True, kw_only=True):
    """Calls from one service to another, measured on the callee's spans."""

    source: str
    target: str
    calls: int
    errors: int
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    calls_per_second: Annotated[float, Meta(description="Calls divided by the length of the window.")]


class ServiceMap(Json, frozen=True, kw_only=True):
    """Who calls whom; the edges of a service to itself are left out."""

    nodes: Sequence[ServiceNode]
    edges: Sequence[ServiceEdge]
    start: Time
    end: Time
    truncated: Annotated[bool, Meta(description="Whether rarer nodes or edges were left out to bound the answer.")]


SERVICE_ANSWERS: tuple[type[msgspec.Struct], ...] = (ServiceList, OperationList, ServiceMap)
