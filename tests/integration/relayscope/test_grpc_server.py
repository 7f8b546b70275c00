"""The gRPC query port, asked by a real client."""

from __future__ import annotations

import socket

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from relayscope.api.grpc_server import GrpcQueryConfig, GrpcQueryServer
from tracedata import PermanentError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_health_says_serving() -> None:
    port = _free_port()
    server = GrpcQueryServer(GrpcQueryConfig(host="127.0.0.1", port=port, grace_period_s=1))
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    await server.aclose()
    await server.aclose()


async def test_an_address_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = GrpcQueryServer(GrpcQueryConfig(host="127.0.0.1", port=port, grace_period_s=1))
        with pytest.raises(PermanentError, match=f"127.0.0.1:{port}"):
            await server.start()
        await server.aclose()
