"""What every program of the live tests starts with: the SDK with its exporters, instrumentations by name, and a shut network.

The environment says where to export to (``OTEL_EXPORTER_OTLP_*``) and where the fake of the models is (``MODEL_URL``).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module

from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MODEL_URL = os.environ["MODEL_URL"]
TIMEOUT_S = 0.4
# The instrumentations that a program may be asked for, and the classes that put them in place.
_INSTRUMENTORS = {
    "openinference-openai": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "openllmetry-openai": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
    "genai-openai": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "openinference-anthropic": ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    "openllmetry-anthropic": ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    "genai-anthropic": ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
}
# Requests are split on purpose: a batch leaves while the program still makes calls.
_BATCH_MS = 250


def _refuse_other_hosts(event: str, arguments: Sequence[object]) -> None:
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost"):
        raise OSError(f"the network is shut: {arguments[0]}")
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
        raise OSError(f"the network is shut: {address[0]}")


@contextmanager
def telemetry() -> Iterator[trace.Tracer]:
    """A tracer of the program's own; when left, all that was told has been sent."""
    sys.addaudithook(_refuse_other_hosts)
    is_grpc = os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
    tracing = TracerProvider()
    spans = GrpcSpanExporter() if is_grpc else HttpSpanExporter()
    tracing.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=_BATCH_MS))
    trace.set_tracer_provider(tracing)
    logging = LoggerProvider()
    records = GrpcLogExporter() if is_grpc else HttpLogExporter()
    logging.add_log_record_processor(BatchLogRecordProcessor(records, schedule_delay_millis=_BATCH_MS))
    _logs.set_logger_provider(logging)
    for name in sys.argv[1:]:
        module, instrumentor = _INSTRUMENTORS[name]
        getattr(import_module(module), instrumentor)().instrument()
    yield trace.get_tracer("live")
    logging.shutdown()
    tracing.shutdown()


def failing(call: Callable[[], object], expected: type[Exception]) -> None:
    """Makes a call that has to fail as it should."""
    with suppress(expected):
        call()
        raise SystemExit(f"{call} did not fail")
