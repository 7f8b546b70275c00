"""Success is answered only after the commit: while the database is away, senders are told to come back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.canonical import same_spans
from tests.support.exporter import TRANSPORTS, Exporter, RefusedError
from tests.support.factory import full_span, trace_id
from tests.support.load import Load
from tests.support.rest_answer import spans_of_trace
from tests.support.stoppable import StoppableDatabase
from tests.support.system import System, is_alive
from tests.support.waiting import wait_until
from tracedata import Span

_REFUSALS = {"grpc": "UNAVAILABLE", "protobuf": "503", "json": "503"}


@pytest.fixture(scope="module")
def _database(module_folder: Path) -> Iterator[StoppableDatabase]:
    database = StoppableDatabase(module_folder / "database")
    database.start()
    yield database
    database.close()


@pytest.fixture(scope="module")
def _system(_database: StoppableDatabase, module_folder: Path) -> Iterator[System]:
    with System(module_folder / "system", "--database-url", _database.dsn) as running:
        yield running
    assert _database.dsn not in running.log
    assert "Traceback" not in running.log


@pytest.fixture
def database(_database: StoppableDatabase) -> Iterator[StoppableDatabase]:
    """Runs at the beginning of every test, and at its end."""
    yield _database
    _database.stop()
    _database.start()


@pytest.fixture
def system(_system: System, database: StoppableDatabase) -> System:
    """A system on that database, whose API has found it."""
    wait_until(lambda: _system.ask("/readyz").status_code == 200, "the API is ready")
    return _system


def test_an_export_is_refused_as_retryable_and_succeeds_when_repeated(
    system: System, database: StoppableDatabase
) -> None:
    trace = trace_id()
    before, sent = [
        [full_span(trace_id=trace, redactions={}, redacted_keys={}, redaction_policy="") for _ in TRANSPORTS]
        for _ in range(2)
    ]
    exporters = [Exporter(system.ready, transport) for transport in TRANSPORTS]
    for exporter, span in zip(exporters, before, strict=True):
        exporter.export([span])

    database.stop()
    for exporter, span, transport in zip(exporters, sent, TRANSPORTS, strict=True):
        with pytest.raises(RefusedError) as refusal:
            exporter.export([span])
        assert refusal.value.code == _REFUSALS[transport.encoding]
        assert refusal.value.retry_after_s is not None
        assert refusal.value.retry_after_s > 0
        # Nothing has to become durable.
        assert not exporter.export([]).HasField("partial_success")
    database.start()
    for exporter, span in zip(exporters, sent, strict=True):
        with exporter:
            exporter.export([span])

    found = wait_until(lambda: _answered(system, trace), "the API answers again")
    assert same_spans(found, [*before, *sent])


def _answered(system: System, trace: bytes) -> list[Span]:
    response = system.ask(f"/api/v1/traces/{trace.hex()}")
    return spans_of_trace(response.json()) if response.status_code == 200 else []


def test_the_processes_live_and_reads_come_back_at_once(system: System, database: StoppableDatabase) -> None:
    before = system.ready.pids

    database.stop()

    assert system.ask("/healthz").status_code == 200
    # At the same time, because each waits a while for the database.
    with ThreadPoolExecutor() as pool:
        for response in pool.map(system.ask, ("/readyz", "/api/v1/services", f"/api/v1/traces/{trace_id().hex()}")):
            assert response.status_code == 503
            assert "retry-after" in response.headers
            assert response.headers["content-type"] == "application/problem+json"
    assert system.ready.pids == before
    assert all(map(is_alive, before.workers))
    # The pauses between attempts to connect must not have grown by now.
    assert system.ask("/readyz").status_code == 503
    database.start()

    wait_until(lambda: system.ask("/readyz").status_code == 200, "the API is ready again", timeout_s=2.0)


def test_nothing_acknowledged_is_lost_when_the_database_goes_away_under_load(
    system: System, database: StoppableDatabase
) -> None:
    with Load(system.ready) as load:
        load.wait_for_more(100)
        database.stop()
        wait_until(lambda: load.refusals.keys() >= {"UNAVAILABLE", "503"}, "exports are refused over both protocols")
        database.start()
        load.wait_for_more(100)

    assert load.refusals.keys() == {"UNAVAILABLE", "503"}
    wait_until(lambda: system.ask("/readyz").status_code == 200, "the API is ready again")
    load.check(system)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_sdk_comes_back_by_itself(system: System, database: StoppableDatabase, protocol: str) -> None:
    spans = _recorded()
    exporter = _sdk_exporter(system, protocol)

    database.stop()
    with ThreadPoolExecutor(1) as pool:
        exported = pool.submit(exporter.export, spans)
        # The exporter hears at least one refusal: the first answer comes long before the database runs.
        database.start()
        result = exported.result()
    exporter.shutdown()

    assert result is SpanExportResult.SUCCESS
    context = spans[0].context
    assert context is not None
    found = wait_until(lambda: _answered(system, context.trace_id.to_bytes(16, "big")), "the API answers again")
    assert len(found) == len(spans)


def _recorded() -> Sequence[ReadableSpan]:
    recorder = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "outage"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(recorder))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("parent"):
        tracer.start_span("child").end()
    provider.shutdown()
    return recorder.get_finished_spans()


def _sdk_exporter(system: System, protocol: str) -> SpanExporter:
    if protocol == "grpc":
        return GrpcExporter(endpoint=f"http://127.0.0.1:{system.ready.otlp_grpc}")
    return HttpExporter(endpoint=f"http://127.0.0.1:{system.ready.otlp_http}/v1/traces")
