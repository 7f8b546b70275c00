"""The wiring of an ingest worker, by hand: receivers, processors, writer, and what sends on what was stored.

Components are listed in the order in which they start, against the flow of data; they stop the other way round, so
that a receiver takes nothing more before the writer behind it commits what it has. What only the API needs is not
imported here: a worker has many megabytes less for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from processors.enrich import Enrich
from processors.limit import Limit, LimitConfig
from processors.sanitise import Sanitise
from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from relayscope.component import Component
from relayscope.metrics import EnrichMetrics, ForwardMetrics, IngestMetrics
from relayscope.price import build_prices
from relayscope.redaction import build_redact
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint
from relayscope.telemetry import Telemetry, TelemetryConfig
from relayscope.version import installed_version
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tracedata import Consumer, IngestInstruments, Pipeline, Processor


def build_telemetry(settings: Settings, *, role: str) -> Telemetry | None:
    """What sends spans of our own, when somebody wants them."""
    traces = settings.service.telemetry.traces
    if traces.endpoint is None:
        return None
    return Telemetry(
        TelemetryConfig(
            endpoint=traces.endpoint, tls=traces.tls, ratio=traces.ratio, version=installed_version(), role=role
        )
    )


def build_writer(settings: Settings, dsn: str, *, instruments: IngestInstruments) -> PostgresSpanWriter:
    storage = settings.storage
    return PostgresSpanWriter(
        WriterConfig(
            dsn=dsn,
            max_group_rows=storage.max_group_rows,
            max_queued_rows=storage.max_queued_rows,
            max_queued_bytes=storage.max_queued_bytes,
            partition_width=storage.partition_width,
            remembers=not settings.service.jaeger.allow_purge,
        ),
        instruments=instruments,
    )


def build_processors(settings: Settings, *, instruments: IngestInstruments) -> Sequence[Processor]:
    """What every batch goes through, whoever brings it, in this order."""
    limits = settings.processors.limit
    limit = Limit(
        LimitConfig(
            max_attributes=limits.max_attributes,
            max_value_chars=limits.max_value_chars,
            max_events=limits.max_events,
            max_links=limits.max_links,
            max_span_chars=limits.max_span_chars,
        )
    )
    redact = build_redact(settings, instruments=instruments)
    enrich = _build_enrich(settings) if settings.processors.ai.enabled else None
    return [limit, Sanitise(), *([redact] if redact else []), *([enrich] if enrich else [])]


def _build_enrich(settings: Settings) -> Enrich:
    """What makes interactions of what redaction left, with the prices of the one workspace that there is."""
    price = partial(build_prices(settings).cost, workspace_id=DEFAULT_WORKSPACE_ID)
    return Enrich(price, instruments=EnrichMetrics())


def forwarding(settings: Settings, writer: PostgresSpanWriter, *, slot: str) -> tuple[Consumer, Sequence[Component]]:
    """The writer, and around it what sends on what was stored, if there is anywhere to send it to."""
    if not settings.exporters:
        return writer, []
    # The libraries of senders are loaded only where something is sent.
    from relayscope.forward.build import build_forwarder  # noqa: PLC0415
    from relayscope.forward.forwarder import Forwarding  # noqa: PLC0415

    forwarder = build_forwarder(settings, slot=slot, instruments=ForwardMetrics())
    return Forwarding(writer, forwarder), [forwarder]


def build_ingest(settings: Settings, dsn: str, *, slot: str, run: Path) -> Sequence[Component]:  # noqa: ARG001 - the folder is the API's
    """An ingest worker: receivers, processors, writer, and what sends on what was stored."""
    telemetry = build_telemetry(settings, role=slot)
    instruments: IngestInstruments = IngestMetrics()
    if telemetry is not None:
        instruments = telemetry.ingest(instruments)
    writer = build_writer(settings, dsn, instruments=instruments)
    consumer, forwarders = forwarding(settings, writer, slot=slot)
    pipeline = Pipeline(build_processors(settings, instruments=instruments), consumer)
    grace_s = settings.service.shutdown_grace_s
    otlp = settings.receivers.otlp
    admission = Admission(
        AdmissionConfig(
            max_bytes=otlp.max_bytes_in_flight,
            max_requests=otlp.max_requests_in_flight,
            read_timeout_s=otlp.read_timeout_s,
        )
    )
    protocols = otlp.protocols
    grpc_host, grpc_port = split_endpoint(protocols.grpc.endpoint)
    http_host, http_port = split_endpoint(protocols.http.endpoint)
    grpc = OtlpGrpcServer(
        OtlpGrpcConfig(
            host=grpc_host,
            port=grpc_port,
            reuse_port=True,
            workspace_id=DEFAULT_WORKSPACE_ID,
            max_request_bytes=protocols.grpc.max_request_bytes,
            max_objects=otlp.max_objects,
            max_connection_idle_s=protocols.grpc.max_connection_idle_s,
            grace_period_s=grace_s,
        ),
        pipeline,
        admission,
        instruments=instruments,
    )
    http = OtlpHttpServer(
        OtlpHttpConfig(
            host=http_host,
            port=http_port,
            reuse_port=True,
            workspace_id=DEFAULT_WORKSPACE_ID,
            max_request_bytes=protocols.http.max_request_bytes,
            max_objects=otlp.max_objects,
            grace_period_s=grace_s,
            allowed_hosts=settings.service.http.allowed_hosts,
        ),
        pipeline,
        admission,
        instruments=instruments,
    )
    return [*([telemetry] if telemetry else []), *forwarders, writer, grpc, http]
