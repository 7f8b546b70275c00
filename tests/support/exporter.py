"""OTLP exports over every transport, from bytes: what is sent and answered is under the control of the test."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, NamedTuple, Self, TypeAlias, TypeVar

import grpc
import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from relayscope.supervisor import Ready
from tests.support.otlp import export_json, export_request, logs_export_request
from tests.support.span_message import as_json
from tracedata import LogRecord, Span

_Response = TypeVar("_Response", ExportTraceServiceResponse, ExportLogsServiceResponse)
Encoding: TypeAlias = Literal["grpc", "protobuf", "json"]

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_EXPORT_LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
_TIMEOUT_S = 30.0
CONTENT_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}
_OPTIONS = (
    # A channel of its own has a connection of its own, so that several of them reach several workers.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class Transport(NamedTuple):
    """How to send."""

    encoding: Encoding
    is_compressed: bool = False

    @property
    def label(self) -> str:
        return f"{self.encoding}-{'gzip' if self.is_compressed else 'plain'}"


TRANSPORTS = tuple(
    Transport(encoding, is_compressed) for encoding in ("grpc", "protobuf", "json") for is_compressed in (False, True)
)


class RefusedError(Exception):
    """An export that was not acknowledged. ``code`` is gRPC's name or HTTP's number; nothing was sent for ``LOST``."""

    def __init__(self, code: str, *, message: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


class Exporter:
    """One connection. Not to be shared by threads."""

    def __init__(self, ready: Ready, transport: Transport) -> None:
        self._transport = transport
        self._channel = grpc.insecure_channel(f"127.0.0.1:{ready.otlp_grpc}", options=_OPTIONS)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{ready.otlp_http}", timeout=_TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._client.close()

    def export(self, spans: Sequence[Span]) -> ExportTraceServiceResponse:
        """Returns when the spans are acknowledged.

        Raises:
            RefusedError: they are not.
        """
        if self._transport.encoding == "json":
            return self.export_bytes(export_json(spans).encode())
        return self.export_bytes(export_request(spans).SerializeToString())

    def export_bytes(self, data: bytes) -> ExportTraceServiceResponse:
        """Like ``export``, with a body that may be anything."""
        return self._sent(data, ExportTraceServiceResponse(), method=_EXPORT, path="/v1/traces")

    def export_logs(self, records: Sequence[LogRecord]) -> ExportLogsServiceResponse:
        """The same for log records."""
        request = logs_export_request(records)
        data = as_json(request) if self._transport.encoding == "json" else request.SerializeToString()
        return self._sent(data, ExportLogsServiceResponse(), method=_EXPORT_LOGS, path="/v1/logs")

    def _sent(self, data: bytes, response: _Response, *, method: str, path: str) -> _Response:
        if self._transport.encoding == "grpc":
            response.ParseFromString(self._over_grpc(data, method))
        else:
            _parse(self._over_http(data, path), response)
        return response

    def _over_grpc(self, data: bytes, method: str) -> bytes:
        compression = grpc.Compression.Gzip if self._transport.is_compressed else grpc.Compression.NoCompression
        try:
            answer: bytes = self._channel.unary_unary(method)(data, timeout=_TIMEOUT_S, compression=compression)
        except grpc.RpcError as exc:
            details = dict(exc.trailing_metadata() or ())
            status = Status.FromString(details.get("grpc-status-details-bin", b""))
            raise RefusedError(exc.code().name, message=exc.details(), retry_after_s=_retry_delay(status)) from exc
        return answer

    def _over_http(self, data: bytes, path: str) -> httpx.Response:
        content_type = CONTENT_TYPES[self._transport.encoding]
        headers = {"content-type": content_type}
        if self._transport.is_compressed:
            headers["content-encoding"] = "gzip"
            data = gzip.compress(data, 1)
        try:
            response = self._client.post(path, content=data, headers=headers)
        except httpx.TransportError as exc:
            raise RefusedError("LOST", message=type(exc).__name__) from exc
        assert response.headers["content-type"] == content_type
        if response.status_code == 200:
            return response
        wait = response.headers.get("retry-after")
        raise RefusedError(
            str(response.status_code),
            message=_status(response).message,
            retry_after_s=None if wait is None else float(wait),
        )


def _status(answer: httpx.Response) -> Status:
    status = Status()
    _parse(answer, status)
    return status


def _parse(answer: httpx.Response, message: Message) -> None:
    if answer.headers["content-type"] == CONTENT_TYPES["json"]:
        json_format.Parse(answer.content, message)
        return
    message.ParseFromString(answer.content)


def _retry_delay(status: Status) -> float | None:
    info = RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            delay = info.retry_delay
            return float(delay.seconds) + float(delay.nanos) / 1e9
    return None
