"""``jaeger.api_v3.QueryService``: traces as OTLP."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relayscope.api.generated.jaeger.api_v3 import query_pb2 as pb
from relayscope.api.jaeger.finding import Wanted
from relayscope.api.jaeger.identifier import parse_trace_id
from relayscope.api.rpc.dependency import Dependencies
from relayscope.api.rpc.listing import Listings
from relayscope.api.rpc.otlp import encode_traces_data
from relayscope.api.rpc.search import has_window, read_search
from relayscope.api.rpc.service import Service
from relayscope.api.rpc.traces import Traces
from storage.api import Tag
from storage.trace_summary import TraceSummary
from tracedata import CallerError, NotFoundError

_NOT_FOUND = "trace not found"


class QueryV3:
    """The methods of the service."""

    def __init__(self, traces: Traces, listings: Listings, dependencies: Dependencies) -> None:
        self._traces = traces
        self._listings = listings
        self._dependencies = dependencies

    def service(self) -> Service:
        """The table of them."""
        return Service(
            pb.DESCRIPTOR.services_by_name["QueryService"],
            unary={
                "GetServices": self.services,
                "GetOperations": self.operations,
                "GetDependencies": self.dependencies,
            },
            streaming={
                "GetTrace": self.trace,
                "FindTraces": self.find,
                "FindTraceSummaries": self.summaries,
            },
        )

    async def trace(self, request: pb.GetTraceRequest) -> AsyncIterator[bytes]:
        """Times are hints that never hide the trace."""
        trace_id = parse_trace_id(request.trace_id)
        is_found = False
        async for chunk in self._traces.chunks([trace_id], encode_traces_data, is_raw=request.raw_traces):
            is_found = True
            yield chunk
        if not is_found:
            raise NotFoundError(_NOT_FOUND)

    async def find(self, request: pb.FindTracesRequest) -> AsyncIterator[bytes]:
        trace_ids = await self._traces.find(self._search(request))
        async for chunk in self._traces.chunks(trace_ids, encode_traces_data, is_raw=request.query.raw_traces):
            yield chunk

    async def summaries(self, request: pb.FindTraceSummariesRequest) -> AsyncIterator[bytes]:
        trace_ids = await self._traces.find(self._search(request))
        async for part in self._traces.summaries(trace_ids):
            yield pb.FindTraceSummariesResponse(summaries=[_summary(summary) for summary in part]).SerializeToString()

    async def services(self, _: pb.GetServicesRequest) -> pb.GetServicesResponse:
        return pb.GetServicesResponse(services=await self._listings.services())

    async def operations(self, request: pb.GetOperationsRequest) -> pb.GetOperationsResponse:
        found = await self._listings.operations(service=request.service, span_kind=request.span_kind)
        return pb.GetOperationsResponse(
            operations=[pb.Operation(name=operation.name, span_kind=operation.span_kind) for operation in found]
        )

    async def dependencies(self, request: pb.GetDependenciesRequest) -> pb.DependenciesResponse:
        edges = await self._dependencies.find(request)
        return pb.DependenciesResponse(
            dependencies=[
                pb.Dependency(parent=edge.parent, child=edge.child, call_count=edge.statistics.calls) for edge in edges
            ]
        )

    def _search(self, request: pb.FindTracesRequest | pb.FindTraceSummariesRequest) -> Wanted:
        if not request.HasField("query"):
            raise CallerError("missing query")
        parameters = request.query
        if not has_window(parameters):
            raise CallerError("start time min and max are required parameters")
        tags = [Tag(key=key, value=value) for key, value in parameters.attributes.items()]
        return read_search(parameters, tags=tags, workspace_id=self._traces.workspace_id)


def _summary(summary: TraceSummary) -> pb.TraceSummary:
    return pb.TraceSummary(
        trace_id=summary.trace_id.hex(),
        root_service_name=summary.root_service,
        root_operation_name=summary.root_operation,
        min_start_time_unix_nano=summary.start_time_unix_nano,
        max_end_time_unix_nano=summary.end_time_unix_nano,
        span_count=summary.span_count,
        error_span_count=summary.error_count,
        orphan_span_count=summary.orphan_count,
        services=[
            pb.ServiceSummary(name=share.service, span_count=share.span_count, error_span_count=share.error_count)
            for share in summary.services
        ],
    )
