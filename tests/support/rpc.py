"""Jaeger's gRPC services over a store, and clients that were made of the same contracts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from relayscope.api.generated.jaeger.api_v2.query_pb2_grpc import QueryServiceStub as QueryV2Stub
from relayscope.api.generated.jaeger.api_v3.query_pb2_grpc import QueryServiceStub as QueryV3Stub
from relayscope.api.generated.jaeger.storage.v2.capabilities_pb2_grpc import CapabilitiesStub
from relayscope.api.generated.jaeger.storage.v2.dependency_pb2_grpc import DependencyReaderStub
from relayscope.api.generated.jaeger.storage.v2.trace_pb2_grpc import TraceReaderStub
from relayscope.api.grpc_server import GrpcQueryConfig, GrpcQueryServer
from relayscope.api.rpc import TraceSource, create_services
from storage.api import DEFAULT_WORKSPACE_ID, SpanReader
from storage.trace_summary import ServiceShare, TraceSummary
from tests.support.otlp import spans_of
from tracedata import Span, StatusCode


class Clients:
    """One for each service. Any: generated clients have no types."""

    def __init__(self, channel: aio.Channel) -> None:
        self.channel = channel
        self.traces: Any = TraceReaderStub(channel)
        self.dependencies: Any = DependencyReaderStub(channel)
        self.capabilities: Any = CapabilitiesStub(channel)
        self.v3: Any = QueryV3Stub(channel)
        self.v2: Any = QueryV2Stub(channel)


@asynccontextmanager
async def serving(source: TraceSource, *, workspace_id: int = DEFAULT_WORKSPACE_ID) -> AsyncIterator[Clients]:
    """The services on a port of their own. Clients take 4 MiB at a time, as Jaeger's do."""
    config = GrpcQueryConfig(host="127.0.0.1", port=0, grace_period_s=1.0)
    server = GrpcQueryServer(config, create_services(source, workspace_id=workspace_id))
    await server.start()
    try:
        async with aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield Clients(channel)
    finally:
        await server.aclose()


class SlowSummaries:
    """``TraceSummaryReader`` by looking at every span."""

    def __init__(self, reader: SpanReader) -> None:
        self._reader = reader

    async def trace_summaries(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceSummary]:
        traces = await self._reader.get_traces(workspace_id, trace_ids)
        return {trace_id: summary_of(spans) for trace_id, spans in traces.items()}


def summary_of(spans: Sequence[Span]) -> TraceSummary:
    """What a trace amounts to."""
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if not span.parent_span_id]
    root = min(roots, key=lambda span: span.start_time_unix_nano, default=None)
    return TraceSummary(
        trace_id=spans[0].trace_id,
        root_service=root.resource.service_name if root else "",
        root_operation=root.name if root else "",
        start_time_unix_nano=min(span.start_time_unix_nano for span in spans),
        end_time_unix_nano=max(max(span.end_time_unix_nano, span.start_time_unix_nano) for span in spans),
        span_count=len(spans),
        error_count=_errors(spans),
        orphan_count=sum(bool(span.parent_span_id) and span.parent_span_id not in ids for span in spans),
        services=[
            ServiceShare(service=service, span_count=len(own), error_count=_errors(own))
            for service in sorted({span.resource.service_name for span in spans})
            for own in [[span for span in spans if span.resource.service_name == service]]
        ],
    )


def spans_in(message: TracesData) -> list[Span]:
    """The spans of a message, which has the same form as an export."""
    return spans_of(ExportTraceServiceRequest.FromString(message.SerializeToString()))


def at(unix_us: int) -> Timestamp:
    """A moment."""
    seconds, rest = divmod(unix_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)


def _errors(spans: Sequence[Span]) -> int:
    return sum(span.status_code == StatusCode.ERROR for span in spans)
