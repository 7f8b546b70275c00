"""``jaeger.api_v2.QueryService``: traces in Jaeger's own model."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relayscope.api.generated.jaeger.api_v2 import query_pb2 as pb
from relayscope.api.generated.jaeger.api_v2.model_pb2 import DependencyLink
from relayscope.api.rpc.classic import encode_chunks
from relayscope.api.rpc.dependency import Dependencies
from relayscope.api.rpc.failure import UnsupportedError
from relayscope.api.rpc.identity import read_trace_id
from relayscope.api.rpc.listing import Listings
from relayscope.api.rpc.search import read_search
from relayscope.api.rpc.service import Service
from relayscope.api.rpc.traces import Traces
from storage.api import Tag
from storage.archive import TraceArchive
from tracedata import CallerError, NotFoundError

_NOT_FOUND = "trace not found"
_ACTOR = "jaeger.api_v2"


class QueryV2:
    """The methods of the service."""

    def __init__(
        self, traces: Traces, listings: Listings, dependencies: Dependencies, *, archive: TraceArchive | None = None
    ) -> None:
        self._traces = traces
        self._listings = listings
        self._dependencies = dependencies
        self._archive = archive

    def service(self) -> Service:
        """The table of them."""
        return Service(
            pb.DESCRIPTOR.services_by_name["QueryService"],
            unary={
                "ArchiveTrace": self.archive_trace,
                "GetServices": self.services,
                "GetOperations": self.operations,
                "GetDependencies": self.dependencies,
            },
            streaming={"GetTrace": self.trace, "FindTraces": self.find},
        )

    async def trace(self, request: pb.GetTraceRequest) -> AsyncIterator[bytes]:
        """Times are hints that never hide the trace."""
        trace_id = read_trace_id(request.trace_id)
        is_found = False
        async for chunk in self._traces.chunks([trace_id], encode_chunks, is_raw=request.raw_traces):
            is_found = True
            yield chunk
        if not is_found:
            raise NotFoundError(_NOT_FOUND)

    async def archive_trace(self, request: pb.ArchiveTraceRequest) -> pb.ArchiveTraceResponse:
        if self._archive is None:
            raise UnsupportedError("archive span storage was not configured")
        trace_id = read_trace_id(request.trace_id)
        if await self._archive.archive(self._traces.workspace_id, trace_id, actor=_ACTOR) is None:
            raise NotFoundError(_NOT_FOUND)
        return pb.ArchiveTraceResponse()

    async def find(self, request: pb.FindTracesRequest) -> AsyncIterator[bytes]:
        if not request.HasField("query"):
            raise CallerError("missing query")
        tags = [Tag(key=key, value=value) for key, value in request.query.tags.items()]
        wanted = read_search(request.query, tags=tags, workspace_id=self._traces.workspace_id)
        trace_ids = await self._traces.find(wanted)
        async for chunk in self._traces.chunks(trace_ids, encode_chunks, is_raw=request.query.raw_traces):
            yield chunk

    async def services(self, _: pb.GetServicesRequest) -> pb.GetServicesResponse:
        return pb.GetServicesResponse(services=await self._listings.services())

    async def operations(self, request: pb.GetOperationsRequest) -> pb.GetOperationsResponse:
        found = await self._listings.operations(service=request.service, span_kind=request.span_kind)
        return pb.GetOperationsResponse(
            operationNames=list(dict.fromkeys(operation.name for operation in found)),
            operations=[pb.Operation(name=operation.name, span_kind=operation.span_kind) for operation in found],
        )

    async def dependencies(self, request: pb.GetDependenciesRequest) -> pb.GetDependenciesResponse:
        edges = await self._dependencies.find(request)
        return pb.GetDependenciesResponse(
            dependencies=[
                DependencyLink(parent=edge.parent, child=edge.child, call_count=edge.statistics.calls) for edge in edges
            ]
        )
