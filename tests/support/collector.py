"""A real Collector in a process of its own, with the configuration that we hand out, and senders of what it translates."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
import yaml
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from relayscope.api.generated.jaeger.api_v2 import model_pb2 as model
from tests.support.otlp import export_request
from tests.support.repository import ROOT, document
from tests.support.waiting import wait_until
from tracedata import Span

PROGRAM = ROOT / ".interop" / "build" / "otelcol-relayscope"
_TIMEOUT_S = 30.0
_NS_PER_S = 1_000_000_000


class Ports(NamedTuple):
    """Where it listens."""

    otlp: int
    jaeger: int
    zipkin: int
    health: int


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; all are held until the last one is found."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@contextmanager
def collecting(folder: Path, *, endpoint: str) -> Iterator[Ports]:
    """The Collector in front of ``endpoint``, until the end of the block; its queue and its log are in ``folder``."""
    otlp, http, jaeger, thrift, zipkin, health = free_ports(6)
    text = document("docker/collector/config.yaml")
    places = {4317: otlp, 4318: http, 14250: jaeger, 14268: thrift, 9411: zipkin, 13133: health}
    for known, port in places.items():
        assert f"0.0.0.0:{known}" in text, known
        text = text.replace(f"0.0.0.0:{known}", f"127.0.0.1:{port}")
    tree = yaml.safe_load(text)
    tree["extensions"]["file_storage"]["directory"] = str(folder / "queue")
    # Its own metrics are on a fixed port.
    tree["service"]["telemetry"] = {"metrics": {"level": "none"}}
    config = folder / "collector.yaml"
    config.write_text(yaml.safe_dump(tree))
    log = folder / "collector.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [PROGRAM, f"--config={config}"],
            env={**os.environ, "RELAYSCOPE_OTLP_ENDPOINT": endpoint},
            stdout=out,
            stderr=out,
        )
        try:
            wait_until(lambda: _is_healthy(health, process, log), "the Collector is ready", timeout_s=_TIMEOUT_S)
            yield Ports(otlp, jaeger, zipkin, health)
        finally:
            process.terminate()
            process.wait(_TIMEOUT_S)


def _is_healthy(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")
    try:
        return httpx.get(f"http://127.0.0.1:{port}", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def send_otlp(ports: Ports, spans: list[Span]) -> None:
    """As an SDK does."""
    with grpc.insecure_channel(f"127.0.0.1:{ports.otlp}") as channel:
        # Generated code has no annotations.
        client = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        client.Export(export_request(spans), timeout=_TIMEOUT_S)


def send_jaeger(ports: Ports, spans: list[Span]) -> None:
    """As Jaeger's agents did, in its own model."""
    batch = model.Batch(process=model.Process(service_name="from-jaeger"), spans=[_jaeger_span(span) for span in spans])
    # jaeger.api_v2.PostSpansRequest has the batch in field 1, and nothing else.
    data = batch.SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{ports.jaeger}") as channel:
        post = channel.unary_unary("/jaeger.api_v2.CollectorService/PostSpans")
        post(b"\x0a" + _varint(len(data)) + data, timeout=_TIMEOUT_S)


def send_zipkin(ports: Ports, spans: list[Span]) -> None:
    """As Zipkin's libraries do, in JSON."""
    body = [
        {
            "traceId": span.trace_id.hex(),
            "id": span.span_id.hex(),
            "name": span.name,
            "kind": "SERVER",
            "timestamp": span.start_time_unix_nano // 1_000,
            "duration": max(span.duration_ns // 1_000, 1),
            "localEndpoint": {"serviceName": "from-zipkin"},
            "tags": {"number": str(span.attributes["number"])},
        }
        for span in spans
    ]
    url = f"http://127.0.0.1:{ports.zipkin}/api/v2/spans"
    assert httpx.post(url, json=body, timeout=_TIMEOUT_S, trust_env=False).status_code == 202


def _jaeger_span(span: Span) -> model.Span:
    seconds, nanos = divmod(span.start_time_unix_nano, _NS_PER_S)
    return model.Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        operation_name=span.name,
        start_time=Timestamp(seconds=seconds, nanos=nanos),
        duration=Duration(nanos=span.duration_ns),
        tags=[model.KeyValue(key="number", v_type=model.STRING, v_str=str(span.attributes["number"]))],
    )


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
