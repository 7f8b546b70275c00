"""The OpenTelemetry SDK's loggers with its own exporters, as services use them; shown with their trace."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from tests.support.system import System


@pytest.fixture(params=["grpc", "grpc-gzip", "http", "http-gzip"])
def exporter(request: pytest.FixtureRequest, system: System) -> LogRecordExporter:
    grpc_url, http_url = (f"http://127.0.0.1:{port}" for port in (system.ready.otlp_grpc, system.ready.otlp_http))
    if request.param == "grpc":
        return GrpcExporter(endpoint=grpc_url)
    if request.param == "grpc-gzip":
        return GrpcExporter(endpoint=grpc_url, compression=grpc.Compression.Gzip)
    compression = Compression.Gzip if request.param == "http-gzip" else Compression.NoCompression
    return HttpExporter(endpoint=f"{http_url}/v1/logs", compression=compression)


@pytest.fixture
def service() -> str:
    return f"sdk-logs-{uuid4().hex}"


@pytest.fixture
def provider(exporter: LogRecordExporter, service: str) -> Iterator[LoggerProvider]:
    made = LoggerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    made.add_log_record_processor(BatchLogRecordProcessor(exporter))
    yield made
    made.shutdown()


def test_what_the_sdk_logs_is_shown_with_its_trace(system: System, provider: LoggerProvider, service: str) -> None:
    logger = provider.get_logger("chat", "1.0")
    span = TracerProvider(shutdown_on_exit=False).get_tracer("chat").start_span("chat")
    context = span.get_span_context()
    with trace.use_span(span, end_on_exit=True):
        # As instrumentations of GenAI write them: no time of their own, no severity, a map for a body.
        logger.emit(
            LogRecord(
                event_name="gen_ai.user.message",
                attributes={"gen_ai.system": "openai"},
                body={"content": "write to bob@example.com", "n": 1},
            )
        )
        logger.emit(LogRecord(body="rate limited", severity_number=SeverityNumber.WARN, severity_text="WARN"))
    logger.emit(LogRecord(body="of no trace", context=trace.set_span_in_context(trace.INVALID_SPAN)))
    assert provider.force_flush()

    trace_id = format(context.trace_id, "032x")
    message, warning = system.get(f"/api/v1/traces/{trace_id}/logs")["items"]
    assert (message["traceId"], message["spanId"]) == (trace_id, format(context.span_id, "016x"))
    assert (message["eventName"], message["component"]) == ("gen_ai.user.message", service)
    assert message["message"] == '{"content":"write to <EMAIL_ADDRESS>","n":1}'
    assert message["redactedKeys"] == {"body.content": {"EMAIL_ADDRESS": 1}}
    assert message["tags"] == {"gen_ai.system": "openai"}
    assert (message["scope"]["name"], message["scope"]["version"]) == ("chat", "1.0")
    assert (warning["message"], warning["severity"], warning["severityText"]) == ("rate limited", "warn", "WARN")
    found = system.get("/api/v1/logs", service=service, start="-5m")["items"]
    assert {one["message"] for one in found} == {message["message"], "rate limited", "of no trace"}
    assert [one["traceId"] for one in found if one["message"] == "of no trace"] == [None]
    severe = system.get("/api/v1/logs", service=service, minSeverity="warn", start="-5m")["items"]
    assert [one["message"] for one in severe] == ["rate limited"]
