"""Backends that exporters send to, over real sockets, and that answer as they are told: down, slow, full, or refusing."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver import protobuf
from tests.support.waiting_async import until
from tracedata import LogRecord, SignalName, Span


class Answer(NamedTuple):
    """What becomes of a request: gRPC's code, HTTP's status, how many items were left out, when to come again."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    status: int = 200
    rejected: int = 0
    retry_after_s: int | None = None
    hangs: bool = False


TAKES = Answer()
HANGS = Answer(hangs=True)
AWAY = Answer(code=grpc.StatusCode.UNAVAILABLE, status=503)
REFUSES = Answer(code=grpc.StatusCode.INVALID_ARGUMENT, status=400)
BREAKS = Answer(code=grpc.StatusCode.INTERNAL, status=500)
DENIES = Answer(code=grpc.StatusCode.UNAUTHENTICATED, status=401)
FULL = Answer(code=grpc.StatusCode.RESOURCE_EXHAUSTED, status=429, retry_after_s=0)


class Request(NamedTuple):
    """One that arrived, whatever became of it."""

    signal: SignalName
    data: bytes
    headers: Mapping[str, str]


class Destination:
    """Gives each request the next of ``answers``, and takes all that come after the last one."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.requests: list[Request] = []
        self.taken: list[Request] = []
        self.port = 0
        # While it is not set, requests that hang do.
        self.released = asyncio.Event()

    async def answer(self, request: Request) -> Answer:
        """Notes the request; waits while it hangs."""
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else TAKES
        if answer.hangs:
            await self.released.wait()
        if answer.code is grpc.StatusCode.OK:
            self.taken.append(request)
        return answer

    @property
    def spans(self) -> list[Span]:
        """Those that were taken, in order."""
        requests = (one.data for one in self.taken if one.signal == "traces")
        return [span for data in requests for span in protobuf.decode_traces(data, 1).spans]

    @property
    def log_records(self) -> list[LogRecord]:
        """Those that were taken, in order."""
        requests = (one.data for one in self.taken if one.signal == "logs")
        return [record for data in requests for record in protobuf.decode_logs(data, 1).log_records]

    async def has(self, items: int) -> None:
        """Returns when so many spans and log records were taken."""
        await until(lambda: len(self.spans) + len(self.log_records) >= items, f"{items} items have arrived")

    async def was_asked(self, times: int) -> None:
        """Returns when so many requests arrived."""
        await until(lambda: len(self.requests) >= times, f"{times} requests have arrived")


class RunningDestination(Protocol):
    """A destination that listens."""

    @property
    def backend(self) -> Destination: ...

    async def start(self, port: int = 0) -> None: ...

    async def aclose(self) -> None: ...


def _answer_message(signal: SignalName, answer: Answer) -> bytes:
    if signal == "traces":
        traces = ExportTraceServiceResponse()
        if answer.rejected:
            traces.partial_success.rejected_spans = answer.rejected
        return traces.SerializeToString()
    logs = ExportLogsServiceResponse()
    if answer.rejected:
        logs.partial_success.rejected_log_records = answer.rejected
    return logs.SerializeToString()


class GrpcDestination:
    """OTLP over gRPC; with ``identity`` (key and certificate in PEM) over TLS."""

    def __init__(self, identity: tuple[bytes, bytes] | None = None) -> None:
        self.backend = Destination()
        self._identity = identity
        self._server: aio.Server | None = None

    async def start(self, port: int = 0) -> None:
        server = aio.server(options=(("grpc.so_reuseport", 0),))
        server.add_generic_rpc_handlers([self._handler("Trace", "traces"), self._handler("Logs", "logs")])
        address = f"127.0.0.1:{port}"
        if self._identity is None:
            self.backend.port = server.add_insecure_port(address)
        else:
            self.backend.port = server.add_secure_port(address, grpc.ssl_server_credentials([self._identity]))
        await server.start()
        self._server = server

    async def aclose(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    def _handler(self, service: str, signal: SignalName) -> grpc.GenericRpcHandler:
        async def export(data: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
            headers = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
            answer = await self.backend.answer(Request(signal, data, headers))
            if answer.code is not grpc.StatusCode.OK:
                context.set_trailing_metadata((("grpc-status-details-bin", _details(answer)),))
                await context.abort(answer.code, "secret words of the destination")
            return _answer_message(signal, answer)

        name = f"opentelemetry.proto.collector.{signal.removesuffix('s') if signal == 'traces' else signal}.v1"
        return grpc.method_handlers_generic_handler(
            f"{name}.{service}Service", {"Export": grpc.unary_unary_rpc_method_handler(export)}
        )


def _details(answer: Answer) -> bytes:
    status = Status(code=answer.code.value[0])
    if answer.retry_after_s is not None:
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=answer.retry_after_s)))
    packed: bytes = status.SerializeToString()
    return packed


class HttpDestination:
    """OTLP over HTTP, as little of it as clients need; with ``context`` over TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.backend = Destination()
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, ssl=self._context)
        self.backend.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        signal: SignalName = "logs" if head[0].split()[1].endswith("/v1/logs") else "traces"
        answer = await self.backend.answer(Request(signal, body, headers))
        message = _answer_message(signal, answer) if answer.status == 200 else b"secret words of the destination"
        retry = "" if answer.retry_after_s is None else f"Retry-After: {answer.retry_after_s}\r\n"
        writer.write(
            f"HTTP/1.1 {answer.status} Said\r\n{retry}Content-Length: {len(message)}\r\n\r\n".encode() + message
        )
        await writer.drain()
        return True
