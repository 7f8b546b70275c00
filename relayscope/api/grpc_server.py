"""gRPC queries on their port: the services that it is given, and the standard ones of health and reflection."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from relayscope.api.rpc.service import Service
from tracedata import PermanentError


class GrpcQueryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen; port 0 is any free one."""

    host: str
    port: int
    grace_period_s: float


class GrpcQueryServer:
    """Answers for services, and ``grpc.health.v1.Health`` for each of them and for the whole server (the empty name)."""

    def __init__(self, config: GrpcQueryConfig, services: Sequence[Service] = ()) -> None:
        self._config = config
        self._services = services
        self._health = health.aio.HealthServicer()
        self._server: aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on, known after ``start``."""
        return self._port

    async def start(self) -> None:
        """Listens.

        Raises:
            PermanentError: the address cannot be used.
        """
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        address = f"{host}:{self._config.port}"
        server = aio.server(options=[("grpc.so_reuseport", 1)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        server.add_generic_rpc_handlers([service.handler() for service in self._services])
        names = [service.name for service in self._services]
        reflection.enable_server_reflection([health.SERVICE_NAME, reflection.SERVICE_NAME, *names], server)
        try:
            self._port = server.add_insecure_port(address)
        except RuntimeError as exc:
            raise PermanentError(f"gRPC queries cannot listen on {address}: is the port in use?") from exc
        await server.start()
        for name in ("", *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = server

    async def aclose(self) -> None:
        """Says that it stops, and lets the running calls finish within the grace period. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await self._health.enter_graceful_shutdown()
            await server.stop(self._config.grace_period_s)
