"""What a running system says about itself, compared with what was done to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from relayscope.doctor.log import check_log
from relayscope.settings import Settings, load_settings
from relayscope.supervisor import Ready, Supervisor, running_system
from storage.postgres.measurement import PostgresMeter, PostgresMeterConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import until, value, writing
from tests.support.exporter import Exporter, RefusedError, Transport
from tests.support.factory import batch, span
from tests.support.postgres import Cluster
from tests.support.recording_consumer import RecordingConsumer
from tests.support.system import System
from tests.support.waiting import wait_until
from tracedata import CallerError, RetryableError, Span

_PORTS = ("http", "jaeger_http", "jaeger_grpc", "otlp_grpc", "otlp_http")
Samples = Mapping[tuple[str, str], float]


def _settings(database_url: str, *, workers: int = 2, **service: Any) -> Settings:  # noqa: ANN401 - a tree of settings
    any_port = {"endpoint": "127.0.0.1:0"}
    return load_settings(
        flags={
            "receivers": {"otlp": {"protocols": {"grpc": any_port, "http": any_port}}},
            "storage": {"database_url": database_url, "allow_data_loss_on_crash": True},
            "service": {
                "http": any_port,
                "jaeger": {"http": "127.0.0.1:0", "grpc": "127.0.0.1:0"},
                "workers": workers,
                "shutdown_grace_s": 1,
                **service,
            },
        }
    )


async def _ask(ready: Ready, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return await client.get(f"http://127.0.0.1:{ready.http}{path}")


async def _scrape(ready: Ready) -> Samples:
    """Values by name and label values; the parser refuses what Prometheus would."""
    response = await _ask(ready, "/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(response.text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, ",".join(sample.labels[label] for label in sorted(sample.labels)))
            assert key not in found, "a sample stands twice"
            found[key] = sample.value
    return found


def _send(ready: Ready, spans: Sequence[Span], transport: Transport = Transport("grpc")) -> None:  # noqa: B008 - a tuple
    with Exporter(ready, transport) as exporter:
        exporter.export(spans)


def _send_badly(ready: Ready, transport: Transport) -> None:
    with Exporter(ready, transport) as exporter, pytest.raises(RefusedError):
        exporter.export_bytes(b"\xff\xff\xff")


async def test_figures_agree_with_what_was_sent(shared_postgres_dsn: str) -> None:
    bad = msgspec.structs.replace(span(), trace_id=b"")
    async with running_system(_settings(shared_postgres_dsn)) as ready:
        for _ in range(10):
            await asyncio.to_thread(_send, ready, [span(), span(), bad])
        await asyncio.to_thread(_send, ready, [span()] * 5, Transport("json"))
        await asyncio.to_thread(_send_badly, ready, Transport("grpc"))
        await asyncio.to_thread(_send_badly, ready, Transport("protobuf"))
        await _ask(ready, f"/api/v1/traces/{'ab' * 16}")
        await _ask(ready, "/secret/path")
        found = await _scrape(ready)
        health = (await _ask(ready, "/api/v1/telemetry/health")).json()["ingest"]
    name = "relayscope_spans"
    assert (found[f"{name}_accepted_total", "grpc"], found[f"{name}_accepted_total", "http"]) == (20, 5)
    assert found[f"{name}_committed_total", ""] == 25
    assert sum(value for (key, _), value in found.items() if key == f"{name}_rejected_total") == 10
    assert found["relayscope_requests_refused_total", "INVALID_ARGUMENT,grpc"] == 1
    assert found["relayscope_requests_refused_total", "400,http"] == 1
    assert found["relayscope_ingest_lag_seconds_count", ""] == 11
    assert found["relayscope_decode_seconds_count", ""] == 11
    assert found["relayscope_group_rows_sum", ""] == 25
    assert found["relayscope_commits_total", ""] == found["relayscope_commit_seconds_count", ""]
    for gauge in ("relayscope_requests_in_flight", "relayscope_queue_rows", "relayscope_queue_bytes"):
        assert found[gauge, ""] == 0
    assert found["relayscope_api_request_seconds_count", "GET,/api/v1/traces/{traceId},4xx"] == 1
    assert found["relayscope_api_request_seconds_count", "GET,other,4xx"] == 1
    assert found["relayscope_store_up", ""] == 1
    assert "secret" not in str(found)
    expected = {"workers": 2, "workersUp": 2, "acceptedSpans": 25, "rejectedSpans": 10, "refusedRequests": 2}
    assert {key: health[key] for key in expected} == expected


async def test_a_killed_worker_takes_no_figure_with_it(shared_postgres_dsn: str, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"

    def now() -> Ready:
        return msgspec.json.decode(ready_file.read_bytes(), type=Ready)

    async with running_system(_settings(shared_postgres_dsn, workers=1), ready_file=ready_file) as ready:
        await asyncio.to_thread(_send, ready, [span() for _ in range(3)])
        before = await _scrape(ready)
        (worker,) = ready.pids.workers
        psutil.Process(worker).send_signal(signal.SIGKILL)

        async def is_replaced() -> bool:
            return now().pids.workers not in ([], [worker])

        await until(is_replaced)
        assert (await _ask(ready, "/readyz")).status_code == 200
        await asyncio.to_thread(_send, ready, [span() for _ in range(4)])
        after = await _scrape(ready)
    fallen = [key for key, value in before.items() if key[0].endswith(("_total", "_count")) and after[key] < value]
    assert fallen == []
    assert before["relayscope_spans_accepted_total", "grpc"] == 3
    assert after["relayscope_spans_accepted_total", "grpc"] == 7
    assert after["relayscope_spans_committed_total", ""] == 7
    assert after["relayscope_requests_in_flight", ""] == 0
    assert after["relayscope_process_restarts_total", "ingest"] == 1


async def test_not_ready_while_a_worker_is_away(shared_postgres_dsn: str) -> None:
    supervisor = Supervisor(_settings(shared_postgres_dsn))
    await supervisor.start()
    try:
        ready = supervisor.ready
        assert (await _ask(ready, "/readyz")).status_code == 200
        for pid in ready.pids.workers:
            os.kill(pid, signal.SIGKILL)

        async def is_refused() -> bool:
            response = await _ask(ready, "/readyz")
            return response.status_code == 503 and "ingest workers are not up" in response.json()["detail"]

        async def is_ready() -> bool:
            return (await _ask(ready, "/readyz")).status_code == 200

        await until(is_refused)
        await until(is_ready)
        run = supervisor._run.path
    finally:
        await supervisor.aclose()
    assert not run.exists()


async def test_a_scrape_answers_while_the_database_is_down(data_folder: Path) -> None:
    cluster = Cluster(data_folder)
    await asyncio.to_thread(cluster.start)
    try:
        async with running_system(_settings(cluster._dsn("template_relayscope"))) as ready:
            await asyncio.to_thread(_send, ready, [span()])
            await asyncio.to_thread(cluster.close)
            with pytest.raises(RefusedError):
                await asyncio.to_thread(_send, ready, [span()])
            found = await _scrape(ready)
            assert (await _ask(ready, "/readyz")).status_code == 503
    finally:
        if cluster._thread.is_alive():
            await asyncio.to_thread(cluster.close)
    assert found["relayscope_store_up", ""] == 0
    assert found["relayscope_spans_accepted_total", "grpc"] == 1
    assert found["relayscope_commit_failures_total", ""] == 1
    assert found["relayscope_requests_refused_total", "UNAVAILABLE,grpc"] == 1


async def test_spans_of_its_own_go_elsewhere(shared_postgres_dsn: str, tmp_path: Path) -> None:
    elsewhere = RecordingConsumer()
    server = OtlpGrpcServer(OtlpGrpcConfig(port=0), elsewhere, Admission(AdmissionConfig()))
    await server.start()
    traces = {"endpoint": f"127.0.0.1:{server.port}", "ratio": 1}
    settings = _settings(shared_postgres_dsn, workers=1, telemetry={"traces": traces})
    async with running_system(settings) as ready:
        await asyncio.to_thread(_send, ready, [span(), span()])
        await _ask(ready, "/api/v1/services")
    await server.aclose()
    found = {sent.name: sent for sent in elsewhere.spans}
    assert found.keys() == {"export", "commit", "GET /api/v1/services"}
    assert found["export"].attributes["relayscope.accepted"] == 2
    assert found["commit"].parent_span_id == found["export"].span_id
    assert found["commit"].trace_id == found["export"].trace_id
    assert found["export"].resource.attributes["relayscope.self"] is True


async def test_spans_of_its_own_are_not_sent_to_itself(shared_postgres_dsn: str) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    tree = _settings(shared_postgres_dsn, telemetry={"traces": {"endpoint": endpoint}}).model_dump(mode="json")
    tree["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] = endpoint
    with pytest.raises(CallerError, match=r"service\.telemetry\.traces\.endpoint"):
        await Supervisor(load_settings(flags=tree)).start()


def test_all_processes_write_one_log_that_doctor_reads(shared_postgres_dsn: str, tmp_path: Path) -> None:
    file, config = tmp_path / "log.jsonl", tmp_path / "relayscope.yaml"
    config.write_text(f"service:\n  logs:\n    file: {file}\n")
    arguments = ("--database-url", shared_postgres_dsn, "--config", str(config), "--allow-data-loss-on-crash")
    with System(tmp_path / "system", *arguments, workers=1) as system:
        for port in (system.ready.http, system.ready.otlp_http):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(b"\xff canary\r\n\r\n")
                stranger.recv(1024)
        (worker,) = system.ready.pids.workers
        psutil.Process(worker).kill()
        wait_until(lambda: system.ready.pids.workers not in ([], [worker]), "the worker is replaced")
        printed = [line for line in system.log.splitlines() if line.startswith("{")]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert {line["role"] for line in lines} == {"api", "ingest-0", "supervisor"}
    assert "canary" not in str(lines)
    assert {json.loads(line)["event"] for line in printed} <= {line["event"] for line in lines}
    finding = check_log(file, now=datetime.now(UTC))
    assert finding.status == "warning"
    assert "2 x warning: Invalid HTTP request received." in finding.detail
    assert "1 x error: the %s process ended with code %s" in finding.detail


async def test_the_meter_sees_what_is_stored(postgres_dsn: str) -> None:
    meter = PostgresMeter(PostgresMeterConfig(dsn=postgres_dsn))
    empty = await meter.measure()
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(_fresh(), span(start_time_unix_nano=1)))
    full = await meter.measure()
    attached = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'relayscope.spans'::regclass"
    assert full.partitions == await value(postgres_dsn, attached) - 3, "those that catch all are told apart"
    assert (empty.partitions, empty.largest_partition_bytes, empty.newest_span_age_s) == (0, 0, None)
    assert full.largest_partition_bytes > 0
    assert full.catch_all_bytes > empty.catch_all_bytes
    assert full.spans_bytes >= full.largest_partition_bytes + full.catch_all_bytes
    assert full.database_bytes > full.spans_bytes > empty.spans_bytes
    assert full.newest_span_age_s is not None
    assert 0 <= full.newest_span_age_s < 60


def _fresh() -> Span:
    return span(start_time_unix_nano=time.time_ns())


async def test_a_meter_without_a_database_is_told_why() -> None:
    with pytest.raises(RetryableError):
        await PostgresMeter(PostgresMeterConfig(dsn="postgresql://u:canary@127.0.0.1:1/none")).measure()
