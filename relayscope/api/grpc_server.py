"""gRPC queries on their port. So far the standard health service; Jaeger's query services will join it."""

from __future__ import annotations

import msgspec
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tracedata import PermanentError


class GrpcQueryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen; port 0 is any free one."""

    host: str
    port: int
    grace_period_s: float


class GrpcQueryServer:
    """Answers ``grpc.health.v1.Health`` for the whole server (the empty service name)."""

    def __init__(self, config: GrpcQueryConfig) -> None:
        self._config = config
        self._health = health.aio.HealthServicer()
        self._server: aio.Server | None = None

    async def start(self) -> None:
        """Listens.

        Raises:
            PermanentError: the address cannot be used.
        """
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        address = f"{host}:{self._config.port}"
        server = aio.server(options=[("grpc.so_reuseport", 1)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        try:
            server.add_insecure_port(address)
        except RuntimeError as exc:
            raise PermanentError(f"gRPC queries cannot listen on {address}: is the port in use?") from exc
        await server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._server = server

    async def aclose(self) -> None:
        """Says that it stops, and lets the running calls finish within the grace period. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await self._health.enter_graceful_shutdown()
            await server.stop(self._config.grace_period_s)
