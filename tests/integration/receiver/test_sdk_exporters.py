from __future__ import annotations

import asyncio

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind

from receiver.grpc_server import OtlpGrpcServer
from receiver.http_server import OtlpHttpServer
from tests.support.recording_consumer import RecordingConsumer


def _emit(exporter: SpanExporter) -> None:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("library", "1.0")
    with tracer.start_as_current_span("parent", kind=SpanKind.SERVER) as span:
        span.set_attributes({"text": "a", "number": 1, "double": 1.0, "truth": True, "list": ["x", "y"]})
        span.add_event("retry", {"attempt": 2})
        tracer.start_span("child").end()
    provider.shutdown()


def _check(consumer: RecordingConsumer) -> None:
    child, parent = consumer.spans
    assert (parent.name, parent.kind, parent.resource.service_name) == ("parent", 2, "shop")
    assert (parent.scope.name, parent.scope.version) == ("library", "1.0")
    assert repr(parent.attributes) == repr({"text": "a", "number": 1, "double": 1.0, "truth": True, "list": ["x", "y"]})
    assert [(event.name, event.attributes) for event in parent.events] == [("retry", {"attempt": 2})]
    assert (child.trace_id, child.parent_span_id) == (parent.trace_id, parent.span_id)
    assert parent.start_time_unix_nano <= child.start_time_unix_nano <= parent.end_time_unix_nano


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip], ids=["plain", "gzip"])
async def test_the_sdk_exports_over_grpc(
    grpc_server: OtlpGrpcServer, consumer: RecordingConsumer, compression: grpc.Compression
) -> None:
    exporter = GrpcExporter(endpoint=f"127.0.0.1:{grpc_server.port}", insecure=True, compression=compression)

    await asyncio.to_thread(_emit, exporter)

    _check(consumer)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip], ids=["plain", "gzip"])
async def test_the_sdk_exports_over_http(
    http_server: OtlpHttpServer, consumer: RecordingConsumer, compression: Compression
) -> None:
    endpoint = f"http://127.0.0.1:{http_server.port}/v1/traces"
    exporter = HttpExporter(endpoint=endpoint, compression=compression)

    await asyncio.to_thread(_emit, exporter)

    _check(consumer)
