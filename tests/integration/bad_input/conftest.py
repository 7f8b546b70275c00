"""The real receivers and processors over the real store, in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from processors.limit import Limit, LimitConfig
from processors.sanitise import Sanitise
from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from tests.support.exporter import CONTENT_TYPES, Encoding
from tests.support.store import Store
from tracedata import Pipeline

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Answer(NamedTuple):
    """What a sender is told. ``code`` is ``OK``, or gRPC's name or HTTP's number of a refusal."""

    code: str
    rejected: int
    message: str
    can_be_retried: bool


Send = Callable[[Encoding, bytes], Awaitable[Answer]]


@pytest.fixture
async def send(postgres_store: Store) -> AsyncIterator[Send]:
    """Exports bytes over one of the transports, uncompressed over gRPC and gzipped over HTTP when they are large."""
    pipeline = Pipeline([Limit(LimitConfig()), Sanitise()], postgres_store.writer)
    admission = Admission(AdmissionConfig())
    grpc_server = OtlpGrpcServer(OtlpGrpcConfig(port=0), pipeline, admission)
    http_server = OtlpHttpServer(OtlpHttpConfig(port=0), pipeline, admission)
    await grpc_server.start()
    await http_server.start()
    url = f"http://127.0.0.1:{http_server.port}"
    options = [("grpc.max_send_message_length", -1)]
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client,
        aio.insecure_channel(f"127.0.0.1:{grpc_server.port}", options=options) as channel,
    ):

        async def export(encoding: Encoding, body: bytes) -> Answer:
            if encoding == "grpc":
                return await _over_grpc(channel, body)
            return await _over_http(client, body, CONTENT_TYPES[encoding])

        yield export
    await http_server.aclose()
    await grpc_server.aclose()
    assert (admission.held_bytes, admission.held_requests) == (0, 0)


async def _over_grpc(channel: aio.Channel, body: bytes) -> Answer:
    try:
        response = ExportTraceServiceResponse.FromString(await channel.unary_unary(_EXPORT)(body))
    except aio.AioRpcError as exc:
        can_be_retried = exc.code() is grpc.StatusCode.UNAVAILABLE
        return Answer(exc.code().name, 0, exc.details() or "", can_be_retried)
    partial = response.partial_success
    return Answer("OK", partial.rejected_spans, partial.error_message, can_be_retried=False)


async def _over_http(client: httpx.AsyncClient, body: bytes, content_type: str) -> Answer:
    answer = await client.post("/v1/traces", content=body, headers={"content-type": content_type})
    assert answer.headers["content-type"] == content_type
    told: ExportTraceServiceResponse | Status = ExportTraceServiceResponse() if answer.status_code == 200 else Status()
    if content_type == CONTENT_TYPES["json"]:
        json_format.Parse(answer.content, told)
    else:
        told.ParseFromString(answer.content)
    if isinstance(told, Status):
        return Answer(str(answer.status_code), 0, told.message, answer.status_code in {429, 502, 503, 504})
    partial = told.partial_success
    return Answer("OK", partial.rejected_spans, partial.error_message, can_be_retried=False)
