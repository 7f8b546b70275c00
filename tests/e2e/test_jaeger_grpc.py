"""Jaeger's services over gRPC, on a running system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest

from relayscope.api.generated.jaeger.api_v2 import query_pb2 as v2
from relayscope.api.generated.jaeger.api_v2.query_pb2_grpc import QueryServiceStub as QueryV2Stub
from relayscope.api.generated.jaeger.api_v3 import query_pb2 as v3
from relayscope.api.generated.jaeger.api_v3.query_pb2_grpc import QueryServiceStub as QueryV3Stub
from relayscope.api.generated.jaeger.storage.v2 import trace_pb2 as storage
from relayscope.api.generated.jaeger.storage.v2.trace_pb2_grpc import TraceReaderStub
from tests.support.canonical import same_spans
from tests.support.exporter import Exporter, Transport
from tests.support.factory import MS_NS, span
from tests.support.rpc import spans_in
from tests.support.system import System


@pytest.fixture
def channel(system: System) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{system.ready.jaeger_grpc}") as made:
        yield made


def test_what_is_sent_is_read_through_every_service(system: System, channel: grpc.Channel) -> None:
    start = time.time_ns() - 1_000 * MS_NS
    sent = span(
        service=f"grpc-{uuid4().hex}", start_time_unix_nano=start, end_time_unix_nano=start + MS_NS, attributes={"n": 7}
    )
    with Exporter(system.ready, Transport("grpc")) as exporter:
        exporter.export([sent])
    traces, newer, older = TraceReaderStub(channel), QueryV3Stub(channel), QueryV2Stub(channel)
    query = storage.TraceQueryParameters(service_name=sent.resource.service_name)
    (ids,) = traces.FindTraceIDs(storage.FindTraceIDsRequest(query=query)).trace_ids
    assert ids.trace_id == sent.trace_id
    call = traces.FindTraceSummaries(storage.FindTraceSummariesRequest(query=query))
    assert [one.span_count for answer in call for one in answer.summaries] == [1]
    call = newer.GetTrace(v3.GetTraceRequest(trace_id=sent.trace_id.hex(), raw_traces=True))
    assert same_spans([one for chunk in call for one in spans_in(chunk)], [sent])
    # Archived, which reaches the archive of the system.
    older.ArchiveTrace(v2.ArchiveTraceRequest(trace_id=sent.trace_id))
    assert system.ask(f"/api/v1/traces/{sent.trace_id.hex()}/archive").status_code == 200
