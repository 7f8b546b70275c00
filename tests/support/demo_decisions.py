"""The decisions of the simulated gateway, as the mapper makes them of what the real SDK tells."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from receiver.protobuf import decode_traces
from relayscope.demo.simulation import Simulation
from tests.support.decision import decided
from tracedata import Decision, Span

_NOW_NS = 1_767_225_600_000_000_000


def demo_rules() -> str:
    """The gateway's rule set, in YAML."""
    return files("relayscope.demo").joinpath("rules.yaml").read_text(encoding="utf-8")


def demo_spans(*, traces: int, seed: int = 7) -> Sequence[Span]:
    """The spans of so many traces."""
    exporter = InMemorySpanExporter()
    simulation = Simulation(seed=seed, processors=[SimpleSpanProcessor(exporter)])
    for _ in range(traces):
        simulation.play(before_ns=_NOW_NS)
    data = encode_spans(exporter.get_finished_spans()).SerializeToString()
    return decode_traces(data, workspace_id=1).spans


def demo_decisions(*, traces: int, seed: int = 7) -> Sequence[Decision]:
    """The decisions of so many traces."""
    return decided(*demo_spans(traces=traces, seed=seed))
