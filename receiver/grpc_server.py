"""OTLP/gRPC: ``opentelemetry.proto.collector.trace.v1.TraceService``."""

from __future__ import annotations

from typing import TypeAlias

import grpc
import msgspec
from grpc import aio

from receiver.error import ListenFailedError
from receiver.intake import Intake, response_of
from receiver.protobuf import decode_traces
from receiver.status import Failure, failure_of
from tracedata import UNOBSERVED, Consumer, ReceiverInstruments

_SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"
_DETAILS = "grpc-status-details-bin"

_Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"


class OtlpGrpcConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and what to take. Port 0 is any free one; ``reuse_port`` lets processes share a port."""

    host: str = "127.0.0.1"
    port: int = 4317
    reuse_port: bool = False
    workspace_id: int = 1
    max_request_bytes: int = 20 * 1024 * 1024
    grace_period_s: float = 10.0


class OtlpGrpcServer:
    """Answers exports once the consumer has made their spans durable."""

    def __init__(
        self, config: OtlpGrpcConfig, consumer: Consumer, *, instruments: ReceiverInstruments = UNOBSERVED
    ) -> None:
        self._config = config
        self._intake = Intake(consumer, workspace_id=config.workspace_id, transport="grpc", instruments=instruments)
        self._server: aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that is listened on, known after ``start``."""
        return self._port

    async def start(self) -> None:
        """Listens.

        Raises:
            ListenFailedError: the address cannot be used.
        """
        server = aio.server(options=self._options())
        server.add_generic_rpc_handlers((self._handlers(),))
        try:
            self._port = server.add_insecure_port(_address(self._config))
        except RuntimeError as exc:
            raise ListenFailedError(
                f"OTLP/gRPC cannot listen on {_address(self._config)}: is the port in use?"
            ) from exc
        await server.start()
        self._server = server

    async def aclose(self) -> None:
        """Takes no more calls and lets the running ones finish within the grace period."""
        server, self._server = self._server, None
        if server is None:
            return
        await server.stop(self._config.grace_period_s)
        await self._intake.drain(self._config.grace_period_s)

    def _options(self) -> list[tuple[str, int]]:
        return [
            ("grpc.so_reuseport", int(self._config.reuse_port)),
            ("grpc.max_receive_message_length", self._config.max_request_bytes),
        ]

    def _handlers(self) -> grpc.GenericRpcHandler:
        # Without a deserializer the handler gets the bytes, so that a malformed request is answered by us; grpc's own
        # answer would be INTERNAL.
        export = grpc.unary_unary_rpc_method_handler(self._export)
        return grpc.method_handlers_generic_handler(_SERVICE, {"Export": export})

    async def _export(self, request: bytes, context: _Context) -> bytes:
        try:
            receipt = await self._intake.accept(request, decode_traces)
        except Exception as exc:  # noqa: BLE001  # The top of a task: whatever happens becomes a code.
            failure = failure_of(exc)
            self._intake.refused(failure.grpc_code.name)
            _fail(context, failure)
            return b""
        return response_of(receipt).SerializeToString()


def _fail(context: _Context, failure: Failure) -> None:
    context.set_code(failure.grpc_code)
    context.set_details(failure.message)
    context.set_trailing_metadata(((_DETAILS, failure.status().SerializeToString()),))


def _address(config: OtlpGrpcConfig) -> str:
    return f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"
