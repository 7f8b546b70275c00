"""Jaeger's services over gRPC: both generations of its query service, and the reading half of its remote storage."""

from relayscope.api.rpc.dependency import Dependencies
from relayscope.api.rpc.listing import Listings
from relayscope.api.rpc.query_v2 import QueryV2
from relayscope.api.rpc.query_v3 import QueryV3
from relayscope.api.rpc.service import Service
from relayscope.api.rpc.storage_v2 import capabilities, dependency_reader, trace_reader
from relayscope.api.rpc.traces import Traces, TraceSource

__all__ = ["Service", "TraceSource", "create_services"]


def create_services(source: TraceSource, *, workspace_id: int) -> list[Service]:
    """All of them, over one store, for one workspace."""
    traces = Traces(source, workspace_id=workspace_id)
    listings = Listings(source.reader, workspace_id=workspace_id)
    dependencies = Dependencies(source.reader, workspace_id=workspace_id)
    return [
        trace_reader(traces, listings),
        dependency_reader(dependencies),
        capabilities(),
        QueryV3(traces, listings, dependencies).service(),
        QueryV2(traces, listings, dependencies, archive=source.archive).service(),
    ]
