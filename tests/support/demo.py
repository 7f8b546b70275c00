"""What the demo emits, as the system has it once it was received."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.protobuf import decode_logs, decode_traces
from relayscope.demo.simulation import Simulation
from tracedata import LogRecord, Span

_NOW_NS = 1_767_225_600_000_000_000


def emitted(*, seed: int, traces: int) -> tuple[Sequence[Span], Sequence[LogRecord]]:
    """The spans and log records of so many traces."""
    spans = InMemorySpanExporter()
    records = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK left it unannotated
    simulation = Simulation(
        seed=seed,
        processors=[SimpleSpanProcessor(spans)],
        log_processors=[SimpleLogRecordProcessor(records)],
        nonce="test",
    )
    for _ in range(traces):
        simulation.play(before_ns=_NOW_NS)
    return (
        decode_traces(encode_spans(spans.get_finished_spans()).SerializeToString(), 1).spans,
        decode_logs(encode_logs(records.get_finished_logs()).SerializeToString(), 1).log_records,
    )
