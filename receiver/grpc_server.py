"""OTLP/gRPC: ``TraceService`` and ``LogsService`` of ``opentelemetry.proto.collector``."""

from __future__ import annotations

from typing import TypeAlias

import grpc
import msgspec
from grpc import aio

from receiver.admission import Admission
from receiver.error import DecodeFailedError, ListenFailedError
from receiver.intake import Intake
from receiver.signal import SIGNALS, Signal
from receiver.status import Failure, failure_of
from receiver.wire import DEFAULT_MAX_OBJECTS
from tracedata import UNOBSERVED, Consumer, Receipt, ReceiverInstruments

_DETAILS = "grpc-status-details-bin"

# Calls of one connection that run at a time; the sender queues the others.
_MAX_CONCURRENT_STREAMS = 128
_MAX_CONNECTIONS = 1024
_MAX_METADATA_BYTES = 16 * 1024
_KEEPALIVE_MS = 30_000
_KEEPALIVE_TIMEOUT_MS = 10_000
_MIN_PING_INTERVAL_MS = 10_000

_Context: TypeAlias = "aio.ServicerContext[bytes, bytes]"


class OtlpGrpcConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and what to take. Port 0 is any free one; ``reuse_port`` lets processes share a port."""

    host: str = "127.0.0.1"
    port: int = 4317
    reuse_port: bool = False
    workspace_id: int = 1
    max_request_bytes: int = 20 * 1024 * 1024
    max_objects: int = DEFAULT_MAX_OBJECTS
    max_connection_idle_s: float = 300.0
    grace_period_s: float = 10.0


class OtlpGrpcServer:
    """Answers exports once the consumer has made durable what they bring."""

    def __init__(
        self,
        config: OtlpGrpcConfig,
        consumer: Consumer,
        admission: Admission,
        *,
        instruments: ReceiverInstruments = UNOBSERVED,
    ) -> None:
        self._config = config
        self._admission = admission
        self._intake = Intake(
            consumer,
            decoding=admission.decoding,
            workspace_id=config.workspace_id,
            max_objects=config.max_objects,
            transport="grpc",
            instruments=instruments,
        )
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
        server.add_generic_rpc_handlers([self._handler(signal) for signal in SIGNALS])
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
            ("grpc.max_concurrent_streams", _MAX_CONCURRENT_STREAMS),
            ("grpc.max_allowed_incoming_connections", _MAX_CONNECTIONS),
            ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
            ("grpc.max_connection_idle_ms", round(self._config.max_connection_idle_s * 1000)),
            # A connection whose other end is gone without a word is noticed by pings.
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
        ]

    def _handler(self, signal: Signal) -> grpc.GenericRpcHandler:
        async def export(_: object, context: _Context) -> bytes:
            return await self._export(signal, context)

        # Without a deserializer the handler gets the bytes, so that a malformed request is answered by us; grpc's own
        # answer would be INTERNAL. Taken as a stream, which looks the same on the wire, a message is not read before
        # the handler asks for it.
        handler = grpc.stream_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(signal.service, {"Export": handler})

    async def _export(self, signal: Signal, context: _Context) -> bytes:
        try:
            with self._admission.admit() as hold:
                data = await self._read(context)
                hold.resize(len(data))
                pending = self._intake.accept(data, signal.protobuf)
                # The intake lets go of it once it is decoded.
                del data
                receipt: Receipt = await pending
        except Exception as exc:  # noqa: BLE001  # The top of a task: whatever happens becomes a code.
            failure = failure_of(exc)
            self._intake.refused(failure.grpc_code.name)
            _fail(context, failure)
            return b""
        return signal.response_of(receipt).SerializeToString()

    async def _read(self, context: _Context) -> bytes:
        async with self._admission.reading():
            message = await context.read()
        if not isinstance(message, bytes):
            raise DecodeFailedError("The call has no message.")
        return message


def _fail(context: _Context, failure: Failure) -> None:
    context.set_code(failure.grpc_code)
    context.set_details(failure.message)
    context.set_trailing_metadata(((_DETAILS, failure.status().SerializeToString()),))


def _address(config: OtlpGrpcConfig) -> str:
    return f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"
