"""OTLP requests as an exporter sent them, byte for byte: taken down on the way, kept in a file, and sent again."""

from __future__ import annotations

import gzip
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import httpx
import msgspec

from receiver.protobuf import decode_logs, decode_traces
from relayscope.supervisor import Ready
from tests.support.served_call import ModelCall
from tracedata import LogRecord, Span

TRACES, LOGS = "/v1/traces", "/v1/logs"
_SERVICES = {
    TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_PATHS = {method: path for path, method in _SERVICES.items()}
_ENCODING = "Content-Encoding"
_PASSED_HEADERS = ("Content-Type", _ENCODING)
# Ids of responses, requests and calls are written in 32 hexadecimal digits, with or without hyphens.
_WRITTEN_ID = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])")


class OtlpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One export. ``path`` is that of OTLP/HTTP, over gRPC too; ``body`` is compressed when ``headers`` say so."""

    path: str
    is_grpc: bool
    body: bytes
    headers: Mapping[str, str] = {}

    @property
    def message(self) -> bytes:
        """The protobuf message."""
        return gzip.decompress(self.body) if self.headers.get(_ENCODING) == "gzip" else self.body

    def replaced(self, substitutes: Mapping[bytes, bytes]) -> OtlpRequest:
        """The same with other words of the same lengths, so that the lengths within the message stay right."""
        assert all(len(old) == len(new) for old, new in substitutes.items())
        message = re.sub(b"|".join(map(re.escape, substitutes)), lambda found: substitutes[found[0]], self.message)
        return msgspec.structs.replace(self, body=gzip.compress(message) if self.headers.get(_ENCODING) else message)


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What a program sent, in the order in which it came, and what the models knew of its calls."""

    versions: Mapping[str, str]
    calls: Sequence[ModelCall]
    requests: Sequence[OtlpRequest]

    @classmethod
    def read(cls, path: Path) -> Recording:
        return msgspec.json.decode(path.read_bytes(), type=cls)

    @property
    def evidence(self) -> tuple[list[Span], list[LogRecord]]:
        """All spans and log records."""
        spans = [decode_traces(request.message, 1).spans for request in self.requests if request.path == TRACES]
        records = [decode_logs(request.message, 1).log_records for request in self.requests if request.path == LOGS]
        return [span for batch in spans for span in batch], [record for batch in records for record in batch]

    @property
    def trace_ids(self) -> set[bytes]:
        spans, records = self.evidence
        return {span.trace_id for span in spans} | {record.trace_id for record in records}

    def renamed(self) -> Recording:
        """The same with other ids everywhere, so that one store takes it more than once."""
        spans, _ = self.evidence
        plain = {span.trace_id for span in spans} | {span.span_id for span in spans}
        written = {found for request in self.requests for found in _WRITTEN_ID.findall(request.message)}
        substitutes = {old: secrets.token_bytes(len(old)) for old in plain}
        substitutes |= {old: _other(old) for old in written}
        calls = [_renamed_call(call, substitutes) for call in self.calls]
        requests = [request.replaced(substitutes) for request in self.requests]
        return msgspec.structs.replace(self, calls=calls, requests=requests)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def _other(old: bytes) -> bytes:
    """Another id, written the same way."""
    return re.sub(rb"[0-9a-f]", lambda _: secrets.choice("0123456789abcdef").encode(), old)


def _renamed_call(call: ModelCall, substitutes: Mapping[bytes, bytes]) -> ModelCall:
    response_id = _WRITTEN_ID.sub(lambda found: substitutes.get(found[0], found[0]), call.response_id.encode())
    return msgspec.structs.replace(call, response_id=response_id.decode())


class OtlpRecorder:
    """Takes OTLP over gRPC and HTTP, keeps it, and passes it on to ``send``, whose answer is the exporter's."""

    def __init__(self, send: Callable[[OtlpRequest], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._requests: list[OtlpRequest] = []
        self._http: _HttpServer | None = None
        self._grpc: grpc.Server | None = None
        self.http_url = ""
        self.grpc_url = ""

    def __enter__(self) -> Self:
        self._http = _HttpServer(self)
        threading.Thread(target=self._http.serve_forever, name="OTLP recorder", daemon=True).start()
        self.http_url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._grpc = grpc.server(ThreadPoolExecutor(max_workers=4))
        self._grpc.add_generic_rpc_handlers((_GrpcHandler(self),))
        self.grpc_url = f"http://127.0.0.1:{self._grpc.add_insecure_port('127.0.0.1:0')}"
        self._grpc.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        assert self._grpc is not None
        self._http.shutdown()
        self._http.server_close()
        self._grpc.stop(grace=None).wait()

    @property
    def requests(self) -> list[OtlpRequest]:
        """What has come so far."""
        with self._lock:
            return list(self._requests)

    def take(self, request: OtlpRequest) -> None:
        """Keeps it, and passes it on; returns when it was accepted there."""
        with self._lock:
            self._requests.append(request)
        self._send(request)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: OtlpRecorder) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _HttpHandler)


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name: self.headers[name] for name in _PASSED_HEADERS if name in self.headers}
        self.server.owner.take(OtlpRequest(path=self.path, is_grpc=False, body=body, headers=headers))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing: requests are kept instead."""


class _GrpcHandler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    def __init__(self, owner: OtlpRecorder) -> None:
        self._owner = owner

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        path = _PATHS.get(call.method)
        if path is None:
            return None

        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            self._owner.take(OtlpRequest(path=path, is_grpc=True, body=body))
            return b""

        # Without serializers a handler is given the bytes of the message, and gives those of its answer.
        return grpc.unary_unary_rpc_method_handler(export)


@contextmanager
def sending(ready: Ready) -> Iterator[Callable[[OtlpRequest], None]]:
    """Sends requests to a running system, as they came; fails unless all of each was accepted. Any thread may send."""
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{ready.otlp_http}", trust_env=False, timeout=30.0) as client,
        grpc.insecure_channel(f"127.0.0.1:{ready.otlp_grpc}") as channel,
    ):
        methods = {path: channel.unary_unary(method) for path, method in _SERVICES.items()}

        def send(request: OtlpRequest) -> None:
            if request.is_grpc:
                answer: bytes = methods[request.path](request.body, timeout=30.0)
            else:
                response = client.post(request.path, content=request.body, headers=dict(request.headers))
                assert response.status_code == 200, f"{request.path}: {response.status_code} {response.text}"
                answer = response.content
            # An answer without a word says that everything was taken.
            assert answer == b"", f"{request.path}: {answer!r}"

        yield send
