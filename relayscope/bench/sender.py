"""Requests of known ids, and the ways to send them: what a sender learns from each answer, as OTLP defines it.

Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response and #otlphttp-response.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol, TypeAlias

import grpc
import httpx
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_S = 10.0
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_RETRYABLE_GRPC = frozenset(
    (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    )
)
_RETRYABLE_HTTP = frozenset((429, 502, 503, 504))
_OPTIONS = (
    # A channel of its own has a connection of its own, so that several of them reach several workers.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)
_TEXT = "a prompt of some length, so that a span has a body and a group has pages: " * 2

Export: TypeAlias = Callable[[bytes], Awaitable[None]]
Encode: TypeAlias = Callable[[list[bytes], int], bytes]


class _AnswerError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class RefusedError(_AnswerError):
    """The server says: not now. It has promised nothing, and may have stored the spans all the same."""

    def __init__(self, code: str, *, retry_after_s: float) -> None:
        super().__init__(code)
        self.retry_after_s = retry_after_s


class UnansweredError(_AnswerError):
    """No answer came: the spans may be stored or not."""


class FaultyAnswerError(_AnswerError):
    """An answer that these spans must never get."""


class Channel(Protocol):
    """One connection, made anew whenever it breaks. ``export`` returns when the spans are acknowledged."""

    def __init__(self, grpc_port: int, http_port: int) -> None: ...

    @property
    def encode(self) -> Encode:
        """From ids (trace and span id, 24 bytes) and the time in nanoseconds to a request."""
        ...

    async def export(self, data: bytes) -> None:
        """Sends once.

        Raises:
            RefusedError, UnansweredError, FaultyAnswerError: the spans are not acknowledged.
        """
        ...

    async def aclose(self) -> None: ...


def batches(dice: random.Random, *, sizes: tuple[int, int], encode: Encode) -> Iterator[tuple[list[bytes], bytes]]:
    """Endless requests: the ids in each, which never come again, and its bytes."""
    while True:
        trace_id = dice.randbytes(16)
        ids = [trace_id + dice.randbytes(8) for _ in range(dice.randint(*sizes))]
        yield ids, encode(ids, time.time_ns())


def _protobuf(ids: list[bytes], now: int) -> bytes:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(_attribute("service.name", "soak"))
    spans = resource_spans.scope_spans.add().spans
    for one in ids:
        span = spans.add(trace_id=one[:16], span_id=one[16:], name="soak", kind=2)
        span.start_time_unix_nano, span.end_time_unix_nano = now - 1_000_000, now
        span.attributes.append(_attribute("soak.text", _TEXT))
    return request.SerializeToString()


def _attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _json(ids: list[bytes], now: int) -> bytes:
    spans = [
        {
            "traceId": one[:16].hex(),
            "spanId": one[16:].hex(),
            "name": "soak",
            "kind": 2,
            "startTimeUnixNano": str(now - 1_000_000),
            "endTimeUnixNano": str(now),
            "attributes": [{"key": "soak.text", "value": {"stringValue": _TEXT}}],
        }
        for one in ids
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "soak"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


class _Grpc:
    encode: Encode = staticmethod(_protobuf)

    def __init__(self, grpc_port: int, http_port: int) -> None:  # noqa: ARG002 - every channel is made alike
        self._channel = aio.insecure_channel(f"127.0.0.1:{grpc_port}", options=_OPTIONS)
        self._export = self._channel.unary_unary(_EXPORT)

    async def export(self, data: bytes) -> None:
        try:
            answer = await self._export(data, timeout=_TIMEOUT_S)
        except aio.AioRpcError as exc:
            raise _grpc_failure(exc) from exc
        if answer:
            raise FaultyAnswerError("partial success")

    async def aclose(self) -> None:
        await self._channel.close()


def _grpc_failure(error: aio.AioRpcError) -> _AnswerError:
    code: grpc.StatusCode = error.code()
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if code not in _RETRYABLE_GRPC and not (code is grpc.StatusCode.RESOURCE_EXHAUSTED and details):
        return FaultyAnswerError(code.name)
    if not details:
        # Not an answer of ours, but what the library makes of a connection that broke.
        return UnansweredError(f"{code.name} (no answer)")
    info = RetryInfo()
    for detail in Status.FromString(details).details:
        if detail.Unpack(info):
            break
    return RefusedError(code.name, retry_after_s=info.retry_delay.seconds + info.retry_delay.nanos / 1e9)


class _Http:
    encode: Encode = staticmethod(_protobuf)
    _content_type = _PROTOBUF

    def __init__(self, grpc_port: int, http_port: int) -> None:  # noqa: ARG002 - every channel is made alike
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{http_port}",
            timeout=_TIMEOUT_S,
            trust_env=False,
            headers={"content-type": self._content_type},
        )

    async def export(self, data: bytes) -> None:
        try:
            response = await self._client.post("/v1/traces", content=data)
        except httpx.TransportError as exc:
            raise UnansweredError(f"HTTP {type(exc).__name__}") from exc
        if response.status_code in _RETRYABLE_HTTP:
            retry_after_s = float(response.headers.get("retry-after", 0))
            raise RefusedError(f"HTTP {response.status_code}", retry_after_s=retry_after_s)
        if response.status_code != 200 or response.content not in (b"", b"{}"):
            raise FaultyAnswerError(f"HTTP {response.status_code}")

    async def aclose(self) -> None:
        await self._client.aclose()


class _HttpJson(_Http):
    encode: Encode = staticmethod(_json)
    _content_type = _JSON


# Half of the senders speak gRPC.
CHANNELS: tuple[type[Channel], ...] = (_Grpc, _Http, _Grpc, _HttpJson)
