"""The endpoints of services: their names, their operations, and the map of who calls whom."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from relayscope.api.rest import service_schema
from relayscope.api.rest.answer import StructResponse, describe
from relayscope.api.rest.page import name_page
from relayscope.api.rest.parameter import MapParameters, NameParameters
from relayscope.api.rest.representation import kind_name
from relayscope.api.rest.servicemap import represent_map
from relayscope.api.workspace import workspace_of
from storage.api import Operation, SpanReader

ServicePath = Annotated[str, Path(description="The name of a service.", examples=["gateway"])]


class ServiceEndpoints:
    """Answers for services from a store."""

    def __init__(self, reader: SpanReader, *, clock: Callable[[], int]) -> None:
        self._reader = reader
        self._clock = clock

    async def services(self, request: Request, parameters: Annotated[NameParameters, Query()]) -> Response:
        """All services that ever sent a span, sorted by name."""
        names = await self._reader.services(workspace_of(request))
        page, cursor = name_page(names, key=_name_key, limit=parameters.limit, cursor=parameters.cursor)
        return StructResponse(
            service_schema.ServiceList(items=[service_schema.Service(name=name) for name in page], next_cursor=cursor)
        )

    async def operations(
        self, request: Request, service: ServicePath, parameters: Annotated[NameParameters, Query()]
    ) -> Response:
        """The operations of a service, sorted by name and kind; none for an unknown service."""
        # PostgreSQL cannot hold NUL in text, so no service has it in its name.
        known = "\0" not in service
        operations = await self._reader.operations(workspace_of(request), service=service) if known else ()
        page, cursor = name_page(operations, key=_operation_key, limit=parameters.limit, cursor=parameters.cursor)
        return StructResponse(service_schema.OperationList(items=_operations(page), next_cursor=cursor))

    async def service_map(self, request: Request, parameters: Annotated[MapParameters, Query()]) -> Response:
        """Services and the calls between them, over spans that start in the window (start included, end excluded)."""
        window = parameters.window(workspace_id=workspace_of(request), now_ns=self._clock())
        found = await self._reader.service_map(window)
        return StructResponse(represent_map(found, window=window, service=parameters.service or None))


def create_router(reader: SpanReader, *, clock: Callable[[], int]) -> APIRouter:
    """The router of services and of ``/api/v1/traces/services``. ``clock`` gives Unix nanoseconds."""
    router = APIRouter(prefix="/api/v1", tags=["Services"], default_response_class=StructResponse)
    endpoints = ServiceEndpoints(reader, clock=clock)
    failures = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    router.add_api_route(
        "/traces/services",
        endpoints.service_map,
        summary="The service map",
        responses=describe(service_schema.ServiceMap, *failures),
    )
    router.add_api_route(
        "/services", endpoints.services, summary="Services", responses=describe(service_schema.ServiceList, *failures)
    )
    # ``path``, because names of services may contain slashes.
    router.add_api_route(
        "/services/{service:path}/operations",
        endpoints.operations,
        summary="The operations of a service",
        responses=describe(service_schema.OperationList, *failures),
    )
    return router


def _name_key(name: str) -> tuple[str, int]:
    return name, 0


def _operation_key(operation: Operation) -> tuple[str, int]:
    return operation.name, operation.kind


def _operations(operations: Sequence[Operation]) -> list[service_schema.Operation]:
    return [service_schema.Operation(name=operation.name, kind=kind_name(operation.kind)) for operation in operations]
