"""OTLP over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

import grpc
import msgspec
from grpc import aio

from relayscope.forward.answer import grpc_error, rejected_items
from relayscope.forward.parcel import Form, Parcel
from relayscope.forward.tls import TlsConfig
from tracedata import PermanentError, RetryableError, SignalName

_METHODS: Mapping[SignalName, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_OPTIONS = (
    # A destination that was away for long is found again soon.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Each exporter has a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
    # Answers are short.
    ("grpc.max_receive_message_length", 1 << 20),
)
_COMPRESSIONS = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}

_Call: TypeAlias = "aio.UnaryUnaryMultiCallable[bytes, bytes]"


class GrpcSinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``target`` is ``host:port``; header names are in lower case."""

    target: str
    is_plain: bool = False
    tls: TlsConfig = TlsConfig()
    headers: Mapping[str, str] = {}
    compression: Literal["none", "gzip"] = "none"
    timeout_s: float = 5.0


class GrpcSink:
    """One channel, which connects by itself whenever there is something to send."""

    form: ClassVar[Form] = "protobuf"

    def __init__(self, config: GrpcSinkConfig) -> None:
        self._config = config
        self._metadata = tuple(config.headers.items())
        self._channel: aio.Channel | None = None
        self._calls: Mapping[SignalName, _Call] = {}

    async def start(self) -> None:
        """See ``Sink``."""
        config = self._config
        compression = _COMPRESSIONS[config.compression]
        if config.is_plain:
            self._channel = aio.insecure_channel(config.target, options=_OPTIONS, compression=compression)
        else:
            authorities, key, certificate = config.tls.read()
            credentials = grpc.ssl_channel_credentials(authorities, key, certificate)
            self._channel = aio.secure_channel(config.target, credentials, options=_OPTIONS, compression=compression)
        # Without serializers, bytes go and come as they are.
        self._calls = {signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()}

    async def send(self, parcel: Parcel) -> int:
        """See ``Sink``."""
        call = self._calls.get(parcel.signal)
        if call is None:
            raise PermanentError("not started")
        try:
            answer = await call(parcel.message, timeout=self._config.timeout_s, metadata=self._metadata)
        except aio.AioRpcError as exc:
            raise grpc_error(exc.code(), dict(exc.trailing_metadata() or ())) from None
        except aio.UsageError as exc:
            raise RetryableError("closed") from exc
        return rejected_items(answer, parcel.signal)

    async def aclose(self) -> None:
        """Ends calls that are under way."""
        channel, self._channel = self._channel, None
        self._calls = {}
        if channel is not None:
            await channel.close()
