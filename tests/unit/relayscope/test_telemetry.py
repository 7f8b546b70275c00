from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from relayscope.loop import refuse_own_ports
from relayscope.metrics import ApiMetrics, IngestMetrics
from relayscope.settings import Settings, load_settings
from relayscope.telemetry import OWN, Telemetry, TelemetryConfig
from tests.support.factory import batch, resource, span
from tracedata import Batch, CallerError, IngestInstruments, Receipt

_CANARY = "canary.4f1d@example.com"


@asynccontextmanager
async def telling(exporter: InMemorySpanExporter, *, ratio: float = 1.0) -> AsyncIterator[Telemetry]:
    config = TelemetryConfig(endpoint="127.0.0.1:1", tls=False, ratio=ratio, version="1.2", role="ingest-0")
    telemetry = Telemetry(config, exporter=exporter)
    await telemetry.start()
    yield telemetry
    await telemetry.aclose()
    await telemetry.aclose()


def take(instruments: IngestInstruments, taken: Batch) -> object | None:
    """Handles a request; returns what a writer would keep of it."""
    with instruments.request(transport="grpc", signal="traces", size=10) as request:
        request.decoded(taken)
        origin = instruments.origin()
        request.accepted(Receipt(accepted=len(taken.spans)))
    return origin


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


async def test_a_commit_belongs_to_the_requests_it_made_durable() -> None:
    exporter = InMemorySpanExporter()
    async with telling(exporter) as telemetry:
        instruments = telemetry.ingest(IngestMetrics())
        origins = [take(instruments, batch(span(), span())) for _ in range(50)]
        with instruments.group(rows=100, origins=[origin for origin in origins if origin]) as group:
            group.committed(spans=100, log_records=0)
    finished = exporter.get_finished_spans()
    commit = by_name(exporter)["commit"]
    first = finished[0]
    assert len(finished) == 51
    assert len(commit.links) == 32
    assert first.context is not None
    assert commit.parent is not None
    assert (commit.parent.trace_id, commit.parent.span_id) == (first.context.trace_id, first.context.span_id)
    assert dict(first.attributes or {}) == {
        "relayscope.transport": "grpc", "relayscope.signal": "traces", "relayscope.request.size": 10, "relayscope.spans": 2,
        "relayscope.log_records": 0,
        "relayscope.accepted": 2, "relayscope.rejected": 0,
    }  # fmt: skip
    assert dict(first.resource.attributes)[OWN] is True


async def test_spans_of_our_own_make_no_further_ones() -> None:
    exporter = InMemorySpanExporter()
    async with telling(exporter) as telemetry:
        instruments = telemetry.ingest(IngestMetrics())
        ours = span(resource=resource(attributes={OWN: True}))
        origin = take(instruments, batch(ours, ours))
        assert origin is None
        with instruments.group(rows=2, origins=()) as group:
            group.committed(spans=2, log_records=0)
        assert take(instruments, batch(ours, span())) is not None
    assert [found.name for found in exporter.get_finished_spans()] == ["export"]


async def test_nothing_is_sampled_at_a_ratio_of_zero() -> None:
    exporter = InMemorySpanExporter()
    async with telling(exporter, ratio=0.0) as telemetry:
        assert take(telemetry.ingest(IngestMetrics()), batch(span())) is None
    assert exporter.get_finished_spans() == ()


async def test_an_error_leaves_its_type_alone() -> None:
    exporter = InMemorySpanExporter()
    async with telling(exporter) as telemetry:
        instruments = telemetry.ingest(IngestMetrics())
        with pytest.raises(ValueError, match="canary"), instruments.request(transport="http", signal="traces", size=1):
            raise ValueError(_CANARY)
    (failed,) = exporter.get_finished_spans()
    assert dict(failed.attributes or {})["error.type"] == "ValueError"
    assert failed.events == ()
    assert _CANARY not in failed.to_json()


async def test_requests_of_the_api_are_named_by_their_route() -> None:
    exporter = InMemorySpanExporter()
    async with telling(exporter) as telemetry:
        with telemetry.api(ApiMetrics()).request(method="GET") as request:
            request.answered(503)
            request.routed("/x/{id}")
    (found,) = exporter.get_finished_spans()
    assert found.name == "GET /x/{id}"
    assert not found.status.is_ok


async def test_an_endpoint_that_is_away_does_not_hold_up_the_end() -> None:
    config = TelemetryConfig(endpoint="127.0.0.1:1", tls=False, ratio=1, version="1", role="api")
    telemetry = Telemetry(config)
    await telemetry.aclose()
    await telemetry.start()
    take(telemetry.ingest(IngestMetrics()), batch(span()))
    async with asyncio.timeout(12):
        await telemetry.aclose()


def settings(endpoint: str | None, *, listening: str = "127.0.0.1:4317") -> Settings:
    return load_settings(
        flags={
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": listening}}}},
            "service": {"telemetry": {"traces": {"endpoint": endpoint}}},
        }
    )


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:4317", "localhost:4317", "127.0.0.2:4318", "[::1]:4317", "0.0.0.0:4317", "[::ffff:127.0.0.1]:4317"],
)
def test_our_own_ports_are_refused(endpoint: str) -> None:
    with pytest.raises(CallerError, match=r"service\.telemetry\.traces\.endpoint"):
        refuse_own_ports(settings(endpoint))


@pytest.mark.parametrize("endpoint", [None, "127.0.0.1:14317", "192.0.2.1:4317", "nowhere.invalid:4317"])
def test_other_places_are_fine(endpoint: str | None) -> None:
    refuse_own_ports(settings(endpoint))
