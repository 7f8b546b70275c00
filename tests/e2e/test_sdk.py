"""The OpenTelemetry SDK with its own exporters, as services use them; found again in both APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tests.support.system import System

_LINKED = SpanContext(trace_id=7 << 64, span_id=9, is_remote=True, trace_flags=TraceFlags(1))


@pytest.fixture(params=["grpc", "grpc-gzip", "http", "http-gzip"])
def exporter(request: pytest.FixtureRequest, system: System) -> SpanExporter:
    grpc_url, http_url = (f"http://127.0.0.1:{port}" for port in (system.ready.otlp_grpc, system.ready.otlp_http))
    if request.param == "grpc":
        return GrpcExporter(endpoint=grpc_url)
    if request.param == "grpc-gzip":
        return GrpcExporter(endpoint=grpc_url, compression=grpc.Compression.Gzip)
    compression = Compression.Gzip if request.param == "http-gzip" else Compression.NoCompression
    return HttpExporter(endpoint=f"{http_url}/v1/traces", compression=compression)


@pytest.fixture
def service() -> str:
    return f"sdk-{uuid4().hex}"


@pytest.fixture
def tracer(exporter: SpanExporter, service: str) -> Iterator[trace.Tracer]:
    provider = TracerProvider(resource=Resource({"service.name": service, "region": "eu"}), shutdown_on_exit=False)
    processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    yield provider.get_tracer("instrumentation", "2.1", attributes={"kind": "manual"})
    provider.shutdown()


def _emit(tracer: trace.Tracer) -> tuple[str, str]:
    """A request that fails in a call; the ids of both spans."""
    request = tracer.start_span("GET /cart", kind=SpanKind.SERVER, links=[Link(_LINKED, {"why": "batch"})])
    with trace.use_span(request, end_on_exit=True):
        request.set_attributes({"text": "a", "count": 1, "share": 1.0, "truth": True, "many": ["x", "y"]})
        request.add_event("retry", {"attempt": 2})
        call = tracer.start_span("charge", kind=SpanKind.CLIENT)
        call.record_exception(ValueError("card refused"))
        call.set_status(Status(StatusCode.ERROR, "it failed"))
        call.end()
        request.set_status(StatusCode.OK)
    return format(request.get_span_context().span_id, "016x"), format(call.get_span_context().span_id, "016x")


def _flush(tracer: trace.Tracer) -> None:
    span_processor = tracer.span_processor  # type: ignore[attr-defined]  # the SDK's tracer has it
    assert span_processor.force_flush()


def test_what_the_sdk_sends_is_found_in_both_apis(system: System, tracer: trace.Tracer, service: str) -> None:
    request_id, call_id = _emit(tracer)
    _flush(tracer)

    (summary,) = system.get("/api/v1/traces", service=service, status="error", operation="charge", start="-5m")["items"]
    found = system.get(f"/api/v1/traces/{summary['traceId']}")
    (jaeger,) = system.jaeger("/api/traces", service=service, tags='{"error":"true"}')

    assert (summary["name"], summary["rootService"], summary["status"]) == ("GET /cart", service, "error")
    _check_rest(found["spans"], request_id=request_id, call_id=call_id)
    assert jaeger["traceID"] == summary["traceId"]
    _check_jaeger(jaeger, service=service, request_id=request_id, call_id=call_id)
    assert service in system.jaeger("/api/services")
    assert {"name": service} in system.get("/api/v1/services", limit=10_000)["items"]
    assert system.jaeger("/api/operations", service=service) == [
        {"name": "GET /cart", "spanKind": "server"},
        {"name": "charge", "spanKind": "client"},
    ]


def _check_rest(spans: list[Mapping[str, Any]], *, request_id: str, call_id: str) -> None:
    request, call = spans
    assert (request["spanId"], request["parentSpanId"], request["kind"]) == (request_id, None, "server")
    assert (call["spanId"], call["parentSpanId"], call["kind"]) == (call_id, request_id, "client")
    assert (request["statusCode"], call["statusCode"], call["statusMessage"]) == ("OK", "ERROR", "it failed")
    assert _values(request["attributes"]) == {
        "text": {"stringValue": "a"},
        "count": {"intValue": "1"},
        "share": {"doubleValue": 1.0},
        "truth": {"boolValue": True},
        "many": {"arrayValue": {"values": [{"stringValue": "x"}, {"stringValue": "y"}]}},
    }
    (retry,) = request["events"]
    assert (retry["name"], _values(retry["attributes"])) == ("retry", {"attempt": {"intValue": "2"}})
    (link,) = request["links"]
    assert (link["traceId"], link["spanId"]) == (format(7 << 64, "032x"), format(9, "016x"))
    assert _values(link["attributes"]) == {"why": {"stringValue": "batch"}}
    (exception,) = call["events"]
    assert exception["name"] == "exception"
    assert _values(exception["attributes"])["exception.message"] == {"stringValue": "card refused"}
    assert call["errorDetails"]["type"] == "ValueError"
    assert (request["scope"]["name"], request["scope"]["version"]) == ("instrumentation", "2.1")
    assert _values(request["scope"]["attributes"]) == {"kind": {"stringValue": "manual"}}
    assert _values(request["resource"]["attributes"])["region"] == {"stringValue": "eu"}


def _values(attributes: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {attribute["key"]: attribute["value"] for attribute in attributes}


def _check_jaeger(found: Mapping[str, Any], *, service: str, request_id: str, call_id: str) -> None:
    request, call = found["spans"]
    assert (request["spanID"], call["spanID"]) == (request_id, call_id)
    assert call["references"] == [{"refType": "CHILD_OF", "traceID": found["traceID"], "spanID": request_id}]
    assert [reference["refType"] for reference in request["references"]] == ["FOLLOWS_FROM"]
    assert found["processes"][call["processID"]]["serviceName"] == service
    tags = {tag["key"]: tag["value"] for tag in call["tags"]}
    assert (tags["error"], tags["otel.status_code"], tags["span.kind"]) == (True, "ERROR", "client")
    (log,) = call["logs"]
    assert {"key": "event", "type": "string", "value": "exception"} in log["fields"]
