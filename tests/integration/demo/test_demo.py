"""The demo over real sockets, against a small stand-in for the system that answers as the contract says."""

from __future__ import annotations

import io
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import (
    LogsServiceServicer,
    add_LogsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from rich.console import Console

from relayscope.demo import verification
from relayscope.demo.command import demo
from relayscope.demo.emission import Protocol
from relayscope.demo.load import run_once

_TRACES = 25


class Backend(TraceServiceServicer):
    """Keeps spans and decisions in memory; loses, refuses or fails as told."""

    def __init__(self) -> None:
        self.decisions: dict[str, set[str]] = defaultdict(set)
        self.loses_decision = False
        self.spans: dict[str, set[str]] = defaultdict(set)
        self.services: set[str] = set()
        self.loses_one = False
        self.refuses = False
        self.api_fails = False
        self.traces_wanted = 0
        self.traces_reached = threading.Event()

    def keep(self, request: ExportTraceServiceRequest) -> None:
        for resource_spans in request.resource_spans:
            for attribute in resource_spans.resource.attributes:
                if attribute.key == "service.name":
                    self.services.add(attribute.value.string_value)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    self._keep(span.trace_id.hex(), span.span_id.hex())
                    for attributes in (span.attributes, *(event.attributes for event in span.events)):
                        self._keep_decision(span.trace_id.hex(), attributes)
        if len(self.spans) >= self.traces_wanted:
            self.traces_reached.set()

    def keep_logs(self, request: ExportLogsServiceRequest) -> None:
        for resource_logs in request.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    self._keep_decision(record.trace_id.hex(), record.attributes)

    def _keep_decision(self, trace_id: str, attributes: Iterable[KeyValue]) -> None:
        for attribute in attributes:
            if attribute.key == "decision_trace.id":
                if self.loses_decision:
                    self.loses_decision = False
                    return
                self.decisions[trace_id].add(attribute.value.string_value)

    def _keep(self, trace_id: str, span_id: str) -> None:
        if self.loses_one:
            self.loses_one = False
            return
        self.spans[trace_id].add(span_id)

    def Export(  # noqa: N802  # the name is gRPC's
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        if self.refuses:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        self.keep(request)
        return ExportTraceServiceResponse()

    def answer(self, path: str) -> tuple[int, object]:
        if self.api_fails:
            return 500, {}
        if path == "/api/v1/services":
            return 200, {"items": [{"name": name} for name in sorted(self.services)], "nextCursor": None}
        if path == "/api/v1/traces/services":
            return 200, {"nodes": [], "edges": [{"source": "a", "target": "b"}]}
        if path == "/api/v1/redaction/stats":
            counts = [("EMAIL_ADDRESS", 3), ("PHONE_NUMBER", 1), ("EMAIL_ADDRESS", 2)]
            return 200, {"items": [{"entity": entity, "values": values} for entity, values in counts]}
        if path.startswith("/api/v1/decisions/"):
            ids = self.decisions.get(path.removeprefix("/api/v1/decisions/"), set())
            return 200, {"decisions": [{"id": id_} for id_ in sorted(ids)]}
        spans = self.spans.get(path.removeprefix("/api/v1/traces/"))
        return (404, {}) if spans is None else (200, {"spans": [{"spanId": span_id} for span_id in sorted(spans)]})


class LogsBackend(LogsServiceServicer):
    """The other service of the same system."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def Export(  # noqa: N802  # the name is gRPC's
        self, request: ExportLogsServiceRequest, context: grpc.ServicerContext
    ) -> ExportLogsServiceResponse:
        if self._backend.refuses:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
        self._backend.keep_logs(request)
        return ExportLogsServiceResponse()


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            status, answer = backend.answer(urlsplit(self.path).path)
            self._send(status, json.dumps(answer).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/logs":
                backend.keep_logs(ExportLogsServiceRequest.FromString(body))
            else:
                backend.keep(ExportTraceServiceRequest.FromString(body))
            self._send(200, b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Tests are quiet."""

    return Handler


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def ready(backend: Backend) -> Iterator[dict[str, int]]:
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(backend, server)  # type: ignore[no-untyped-call]  # generated without types
    add_LogsServiceServicer_to_server(LogsBackend(backend), server)  # type: ignore[no-untyped-call]  # as above
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(backend)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield {"http": http.server_port, "otlp_grpc": grpc_port, "otlp_http": http.server_port}
        http.shutdown()
        thread.join()
    server.stop(grace=None).wait()


def _console() -> Console:
    return Console(file=io.StringIO(), width=200)


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_everything_acknowledged_is_found(backend: Backend, ready: dict[str, int], protocol: Protocol) -> None:
    summary = run_once(
        api_url=f"http://127.0.0.1:{ready['http']}",
        otlp_endpoint=f"127.0.0.1:{ready[f'otlp_{protocol}']}",
        traces=_TRACES,
        protocol=protocol,
    )
    assert summary.complete
    assert summary.traces == len(backend.spans) == _TRACES
    assert summary.spans_sent == summary.spans_stored == sum(map(len, backend.spans.values()))
    assert summary.decisions_sent == summary.decisions_stored == sum(map(len, backend.decisions.values())) > _TRACES
    assert summary.services == 10
    assert summary.edges == 1
    assert summary.errors > 0
    assert summary.values_redacted == {"EMAIL_ADDRESS": 5, "PHONE_NUMBER": 1}
    assert summary.example_trace_id in backend.spans


def test_once_prints_one_json_object_and_exits_0(ready: dict[str, int]) -> None:
    console = _console()
    code = demo(ready, once=True, as_json=True, console=console, traces=_TRACES)
    summary = json.loads(_printed(console))
    assert code == 0
    assert summary.keys() >= {"spans_sent", "spans_stored", "traces", "services", "edges"}
    assert summary["spans_sent"] == summary["spans_stored"] > 0


def test_once_says_how_to_look_at_it(ready: dict[str, int]) -> None:
    console = _console()
    code = demo(ready, once=True, as_json=False, console=console, traces=_TRACES)
    assert code == 0
    assert "relayscope interactions list" in _printed(console)


def _lose(backend: Backend) -> None:
    backend.loses_one = True


def _lose_decision(backend: Backend) -> None:
    backend.loses_decision = True


def _refuse(backend: Backend) -> None:
    backend.refuses = True


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        pytest.param(_lose, "1 acknowledged spans are not there", id="lost"),
        pytest.param(_lose_decision, "1 acknowledged decisions are not there", id="lost decision"),
        pytest.param(_refuse, "spans were not acknowledged", id="refused"),
    ],
)
def test_a_loss_is_told_and_exits_1(
    backend: Backend,
    ready: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Backend], None],
    sentence: str,
) -> None:
    monkeypatch.setattr(verification, "SETTLING_PAUSES", 1)
    break_it(backend)
    console = _console()
    code = demo(ready, once=True, as_json=False, console=console, traces=_TRACES)
    assert code == 1
    assert sentence in _printed(console)


def test_a_broken_api_is_one_sentence_and_exits_1(
    backend: Backend, ready: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    backend.api_fails = True
    code = demo(ready, once=True, as_json=False, console=_console(), traces=_TRACES)
    error = capsys.readouterr().err
    assert code == 1
    assert error.startswith("demo: the API answered /api/v1/traces/")
    assert "Traceback" not in error


def test_the_stream_goes_on_until_it_is_stopped(backend: Backend, ready: dict[str, int]) -> None:
    backend.traces_wanted = _TRACES + 3
    ready["jaeger_grpc"] = 16685
    console, stop = _console(), threading.Event()
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(demo(ready, once=False, as_json=False, console=console, traces=_TRACES, stop=stop))
    )
    thread.start()
    assert backend.traces_reached.wait(30)
    stop.set()
    thread.join(30)
    printed = _printed(console)
    assert codes == [0]
    assert f"relayscope services --url http://127.0.0.1:{ready['http']}" in printed
    assert "gRPC queries        127.0.0.1:16685\n" in printed
    assert "relayscope traces --status error" in printed
    assert f"relayscope interactions list --url http://127.0.0.1:{ready['http']}" in printed
    stopped = re.search(r"Stopped: ([0-9,]+) traces, .* the first load included", printed)
    assert stopped is not None
    assert int(stopped[1]) >= _TRACES + 3
