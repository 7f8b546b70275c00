from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from grpc import aio

from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from tests.support.recording_consumer import RecordingConsumer

MAX_REQUEST_BYTES = 100_000


@pytest.fixture
def consumer() -> RecordingConsumer:
    return RecordingConsumer()


@pytest.fixture
async def grpc_server(consumer: RecordingConsumer) -> AsyncIterator[OtlpGrpcServer]:
    server = OtlpGrpcServer(
        OtlpGrpcConfig(port=0, workspace_id=7, max_request_bytes=MAX_REQUEST_BYTES),
        consumer,
        Admission(AdmissionConfig()),
    )
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def http_server(consumer: RecordingConsumer) -> AsyncIterator[OtlpHttpServer]:
    server = OtlpHttpServer(
        OtlpHttpConfig(port=0, workspace_id=7, max_request_bytes=MAX_REQUEST_BYTES),
        consumer,
        Admission(AdmissionConfig()),
    )
    await server.start()
    yield server
    await server.aclose()


@pytest.fixture
async def channel(grpc_server: OtlpGrpcServer) -> AsyncIterator[aio.Channel]:
    async with aio.insecure_channel(f"127.0.0.1:{grpc_server.port}") as channel:
        yield channel


@pytest.fixture
async def client(http_server: OtlpHttpServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http_server.port}", trust_env=False) as client:
        yield client
