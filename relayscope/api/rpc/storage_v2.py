"""The reading half of Jaeger's remote storage: what a Jaeger asks that has its traces here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from opentelemetry.proto.common.v1 import common_pb2 as otlp

from query.expression.field import LEVELS
from query.expression.lowering import OPERATORS
from relayscope.api.generated.jaeger.storage.v2 import capabilities_pb2, dependency_pb2
from relayscope.api.generated.jaeger.storage.v2 import trace_pb2 as pb
from relayscope.api.jaeger.finding import Wanted
from relayscope.api.rpc.dependency import Dependencies
from relayscope.api.rpc.identity import read_trace_id
from relayscope.api.rpc.listing import Listings
from relayscope.api.rpc.otlp import encode_traces_data
from relayscope.api.rpc.search import read_search
from relayscope.api.rpc.service import Service
from relayscope.api.rpc.traces import Traces
from storage.api import Tag
from storage.trace_summary import TraceSummary
from tracedata import CallerError, Value
from tracedata.printed import printed


def trace_reader(traces: Traces, listings: Listings) -> Service:
    """``jaeger.storage.v2.TraceReader``. Traces are sent as they are stored; Jaeger adjusts them itself."""
    methods = _TraceReader(traces, listings)
    return Service(
        pb.DESCRIPTOR.services_by_name["TraceReader"],
        unary={
            "GetServices": methods.services,
            "GetOperations": methods.operations,
            "FindTraceIDs": methods.find_ids,
        },
        streaming={
            "GetTraces": methods.traces,
            "FindTraces": methods.find,
            "FindTraceSummaries": methods.summaries,
        },
    )


def dependency_reader(dependencies: Dependencies) -> Service:
    """``jaeger.storage.v2.DependencyReader``."""

    async def find(request: dependency_pb2.GetDependenciesRequest) -> dependency_pb2.GetDependenciesResponse:
        edges = await dependencies.find(request)
        return dependency_pb2.GetDependenciesResponse(
            dependencies=[
                dependency_pb2.Dependency(parent=edge.parent, child=edge.child, call_count=edge.statistics.calls)
                for edge in edges
            ]
        )

    contract = dependency_pb2.DESCRIPTOR.services_by_name["DependencyReader"]
    return Service(contract, unary={"GetDependencies": find}, streaming={})


def capabilities() -> Service:
    """``jaeger.storage.v2.Capabilities``."""
    search = capabilities_pb2.SearchCapabilities(
        without_service_name=True,
        same_span_conjunction=True,
        filter=capabilities_pb2.FilterCapabilities(levels=LEVELS, operators=OPERATORS),
    )

    async def get(_: capabilities_pb2.GetCapabilitiesRequest) -> capabilities_pb2.GetCapabilitiesResponse:
        return capabilities_pb2.GetCapabilitiesResponse(search=search)

    contract = capabilities_pb2.DESCRIPTOR.services_by_name["Capabilities"]
    return Service(contract, unary={"GetCapabilities": get}, streaming={})


class _TraceReader:
    def __init__(self, traces: Traces, listings: Listings) -> None:
        self._traces = traces
        self._listings = listings

    async def services(self, _: pb.GetServicesRequest) -> pb.GetServicesResponse:
        return pb.GetServicesResponse(services=await self._listings.services())

    async def operations(self, request: pb.GetOperationsRequest) -> pb.GetOperationsResponse:
        found = await self._listings.operations(service=request.service, span_kind=request.span_kind)
        return pb.GetOperationsResponse(
            operations=[pb.Operation(name=operation.name, span_kind=operation.span_kind) for operation in found]
        )

    async def traces(self, request: pb.GetTracesRequest) -> AsyncIterator[bytes]:
        """Times are hints that never hide a trace. A trace that is asked for twice is sent once."""
        trace_ids = dict.fromkeys(read_trace_id(wanted.trace_id) for wanted in request.query)
        async for chunk in self._traces.chunks(list(trace_ids), encode_traces_data):
            yield chunk

    async def find(self, request: pb.FindTracesRequest) -> AsyncIterator[bytes]:
        trace_ids = await self._traces.find(self._search(request.HasField("query"), request.query))
        async for chunk in self._traces.chunks(trace_ids, encode_traces_data):
            yield chunk

    async def find_ids(self, request: pb.FindTraceIDsRequest) -> pb.FindTraceIDsResponse:
        trace_ids = await self._traces.find(self._search(request.HasField("query"), request.query))
        return pb.FindTraceIDsResponse(trace_ids=[pb.FoundTraceID(trace_id=trace_id) for trace_id in trace_ids])

    async def summaries(self, request: pb.FindTraceSummariesRequest) -> AsyncIterator[bytes]:
        trace_ids = await self._traces.find(self._search(request.HasField("query"), request.query))
        async for part in self._traces.summaries(trace_ids):
            yield pb.FindTraceSummariesResponse(summaries=[_summary(summary) for summary in part]).SerializeToString()

    def _search(self, is_given: bool, parameters: pb.TraceQueryParameters) -> Wanted:  # noqa: FBT001 - what HasField says
        if not is_given:
            raise CallerError("missing query")
        tags = [Tag(key=pair.key, value=printed(_value(pair.value))) for pair in parameters.attributes]
        return read_search(parameters, tags=tags, workspace_id=self._traces.workspace_id)


def _value(message: pb.AnyValue | otlp.AnyValue) -> Value:
    which = message.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [_value(item) for item in message.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in message.kvlist_value.values}
    # A scalar of the type that the field's name says.
    found: str | bool | int | float | bytes = getattr(message, which)
    return found


def _summary(summary: TraceSummary) -> pb.TraceSummary:
    return pb.TraceSummary(
        trace_id=summary.trace_id,
        root_service_name=summary.root_service,
        root_operation_name=summary.root_operation,
        min_start_time_unix_nano=summary.start_time_unix_nano,
        max_end_time_unix_nano=summary.end_time_unix_nano,
        span_count=summary.span_count,
        error_span_count=summary.error_count,
        orphan_span_count=summary.orphan_count,
        services=_shares(summary),
    )


def _shares(summary: TraceSummary) -> Sequence[pb.ServiceSummary]:
    return [
        pb.ServiceSummary(name=share.service, span_count=share.span_count, error_span_count=share.error_count)
        for share in summary.services
    ]
