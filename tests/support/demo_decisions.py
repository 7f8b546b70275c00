"""The decisions of the simulated gateway, as the mapper makes them of what the real SDK tells."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.protobuf import decode_logs, decode_traces
from relayscope.demo.simulation import Simulation
from tests.support.decision import decided
from tracedata import Decision

_NOW_NS = 1_767_225_600_000_000_000


def demo_rules() -> str:
    """The gateway's rule set, in YAML."""
    return files("relayscope.demo").joinpath("rules.yaml").read_text(encoding="utf-8")


def demo_decisions(*, traces: int, seed: int = 7) -> Sequence[Decision]:
    """The decisions of so many traces, of all carriers."""
    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
    simulation = Simulation(
        seed=seed, processors=[SimpleSpanProcessor(spans)], log_processors=[SimpleLogRecordProcessor(logs)]
    )
    for _ in range(traces):
        simulation.play(before_ns=_NOW_NS)
    traced = decode_traces(encode_spans(spans.get_finished_spans()).SerializeToString(), workspace_id=1)
    logged = decode_logs(encode_logs(logs.get_finished_logs()).SerializeToString(), workspace_id=1)
    return decided(*traced.spans, records=logged.log_records)
