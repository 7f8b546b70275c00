"""The wiring of the processes, by hand; that of single parts stands beside it, as in ``relayscope.database``.

Components are listed in the order in which they start, against the flow of data; they stop the other way round, so
that a receiver takes nothing more before the writer behind it commits what it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from processors.ai.mapper import Mapper
from processors.enrich import Enrich
from processors.limit import Limit, LimitConfig
from processors.sanitise import Sanitise
from query.search import compile_search
from receiver.admission import Admission, AdmissionConfig
from receiver.grpc_server import OtlpGrpcConfig, OtlpGrpcServer
from receiver.guest_server import GuestConfig, GuestServer
from receiver.http_server import OtlpHttpConfig, OtlpHttpServer
from receiver.otlp_json import decode_traces
from relayscope.api.app import AiAccess, DetailAccess, ReplayAccess, create_app, installed_version
from relayscope.api.grpc_server import GrpcQueryConfig, GrpcQueryServer
from relayscope.api.jaeger import JaegerAccess, JaegerUi, load_ui
from relayscope.api.observation import ApiInstruments
from relayscope.api.refusal import refusing
from relayscope.api.rest.export import ExportAccess
from relayscope.api.rpc import TraceSource, create_services
from relayscope.aside import AsidePipeline
from relayscope.component import Component
from relayscope.interaction import build_settlement
from relayscope.metrics import (
    ApiMetrics,
    EnrichMetrics,
    Exposition,
    ForwardMetrics,
    IngestMetrics,
    RollupMetrics,
    SettlementMetrics,
)
from relayscope.price import build_prices
from relayscope.redaction import build_audit, build_redact, effective_policy
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint
from relayscope.sql import build_sql, sql_access
from relayscope.telemetry import Telemetry, TelemetryConfig
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.archive import PostgresTraceArchive
from storage.postgres.decision_reader import PostgresDecisionReader
from storage.postgres.export_reader import ExportConfig, PostgresExportReader
from storage.postgres.frame_reader import PostgresFrameReader
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.log_reader import PostgresLogReader
from storage.postgres.maintenance import Maintenance, MaintenanceConfig
from storage.postgres.measurement import PostgresMeter, PostgresMeterConfig
from storage.postgres.partition import Upkeep
from storage.postgres.purge import PostgresPurge
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.replay_reader import PostgresReplayReader, ReplayReaderConfig
from storage.postgres.rollup_leader import Rollup, RollupConfig
from storage.postgres.rollup_statistics import PostgresSpanStatisticsReader
from storage.postgres.rule_set import PostgresRuleSets
from storage.postgres.sample_reader import PostgresSampleReader
from storage.postgres.search_index import SearchIndex, SearchIndexConfig
from storage.postgres.span_metrics_reader import PostgresSpanMetricsReader
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from storage.postgres.trace_summary_reader import PostgresTraceSummaryReader
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tracedata import Consumer, IngestInstruments, Pipeline, Processor

# Statistics may take long, and must not take all connections of the database.
_INTERACTION_CONNECTIONS = 4


def build_jaeger_ui(settings: Settings) -> JaegerUi | None:
    """Jaeger's web page, when there is to be one. Raises ``CallerError`` when the folder has no build of it."""
    folder = settings.service.jaeger.ui
    return None if folder is None else load_ui(folder)


def build_reader(settings: Settings, dsn: str) -> PostgresSpanReader:
    """What answers questions."""
    timeout_s = settings.storage.query_timeout_s
    return PostgresSpanReader(ReaderConfig(dsn=dsn, statement_timeout_s=timeout_s), compile_search=compile_search)


def _build_export(settings: Settings, dsn: str) -> PostgresExportReader:
    export = settings.storage.export
    return PostgresExportReader(
        ExportConfig(
            dsn=dsn,
            max_connections=export.max_connections,
            statement_timeout_s=export.timeout_s,
            stall_timeout_s=export.stall_timeout_s,
        )
    )


def build_maintenance(settings: Settings, dsn: str) -> Maintenance:
    """The work that one process does for all. Every API process brings it, and one at a time leads."""
    storage = settings.storage
    return Maintenance(
        MaintenanceConfig(
            dsn=dsn,
            upkeep=Upkeep(width=storage.partition_width, ahead=storage.partitions_ahead),
            periods=storage.retention.periods,
            retention_interval_s=storage.retention.interval_s,
        )
    )


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


def build_search_index(dsn: str) -> SearchIndex:
    """What fills the full-text index. Every API process brings it, and one at a time leads."""
    return SearchIndex(SearchIndexConfig(dsn=dsn))


def build_rollup(dsn: str) -> Rollup:
    """What keeps rollups up to date. Every API process brings it, and one at a time leads."""
    return Rollup(RollupConfig(dsn=dsn), instruments=RollupMetrics())


def _build_writer(settings: Settings, dsn: str, *, instruments: IngestInstruments) -> PostgresSpanWriter:
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


def _build_processors(settings: Settings, *, instruments: IngestInstruments) -> Sequence[Processor]:
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


def _forwarding(settings: Settings, writer: PostgresSpanWriter, *, slot: str) -> tuple[Consumer, Sequence[Component]]:
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
    writer = _build_writer(settings, dsn, instruments=instruments)
    consumer, forwarders = _forwarding(settings, writer, slot=slot)
    pipeline = Pipeline(_build_processors(settings, instruments=instruments), consumer)
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


def _build_grpc(settings: Settings, source: TraceSource) -> GrpcQueryServer:
    """Jaeger's services over gRPC."""
    host, port = split_endpoint(settings.service.jaeger.grpc)
    config = GrpcQueryConfig(host=host, port=port, grace_period_s=settings.service.shutdown_grace_s)
    return GrpcQueryServer(config, create_services(source, workspace_id=DEFAULT_WORKSPACE_ID))


def build_api(settings: Settings, dsn: str, *, slot: str, run: Path) -> Sequence[Component]:
    """The process that answers: REST and Jaeger's JSON on both of their ports, and gRPC."""
    telemetry = build_telemetry(settings, role=slot)
    instruments: ApiInstruments = ApiMetrics()
    if telemetry is not None:
        instruments = telemetry.api(instruments)
    meter = PostgresMeter(PostgresMeterConfig(dsn=dsn))
    system = Exposition(run, meter=meter, version=installed_version())
    reader = build_reader(settings, dsn)
    endpoints = (settings.service.http.endpoint, settings.service.jaeger.http)
    config = GuestConfig(
        name="The HTTP API",
        addresses=[split_endpoint(endpoint) for endpoint in endpoints],
        reuse_port=True,
        grace_period_s=settings.service.shutdown_grace_s,
        allowed_hosts=settings.service.http.allowed_hosts,
    )
    redacted = (build_audit(dsn), cache(partial(effective_policy, settings)))
    # What is submitted here goes the way of OTLP, through a writer of this process.
    ingest: IngestInstruments = IngestMetrics()
    writer = _build_writer(settings, dsn, instruments=ingest)
    reading = ReaderConfig(
        dsn=dsn, max_connections=_INTERACTION_CONNECTIONS, statement_timeout_s=settings.storage.query_timeout_s
    )
    interactions, decisions = PostgresInteractionReader(reading), PostgresDecisionReader(reading)
    stored, forwarders = _forwarding(settings, writer, slot=slot)
    consumer = AsidePipeline(partial(_build_processors, settings, instruments=ingest), stored)
    ai = AiAccess(interactions, conversation=Mapper().conversation, consumer=consumer, decisions=decisions)
    logs = PostgresLogReader(reader.pool)
    queries = PostgresTraceQueryReader(reader.pool)
    summaries = PostgresTraceSummaryReader(reader.pool)
    jaeger = JaegerAccess(
        archive=PostgresTraceArchive(dsn),
        decode=partial(decode_traces, workspace_id=DEFAULT_WORKSPACE_ID),
        metrics=PostgresSpanMetricsReader(reader.pool),
        summaries=summaries,
        ui=build_jaeger_ui(settings),
        queries=queries,
        purge=PostgresPurge(dsn) if settings.service.jaeger.allow_purge else None,
        max_clock_skew_ns=round(settings.service.jaeger.max_clock_skew_s * 1e9),
    )
    grpc = _build_grpc(settings, TraceSource(reader, queries, summaries, jaeger.archive, jaeger.max_clock_skew_ns))
    replayed = ReplayAccess(PostgresReplayReader(ReplayReaderConfig(dsn=dsn)), PostgresRuleSets(dsn))
    exports = _build_export(settings, dsn)
    runner = build_sql(settings, dsn) if settings.storage.sql.enabled else None
    details = DetailAccess(PostgresFrameReader(reader.pool), PostgresSampleReader(reader.pool))
    app = create_app(
        reader,
        logs=logs,
        system=system,
        instruments=instruments,
        redacted=redacted,
        ai=ai,
        queries=queries,
        replayed=replayed,
        export=ExportAccess(exports, stall_timeout_s=settings.storage.export.stall_timeout_s),
        jaeger_access=jaeger,
        sql=sql_access(settings, runner) if runner else None,
        details=details,
        statistics=PostgresSpanStatisticsReader(reader.pool),
    )
    leaders: list[Component] = [build_maintenance(settings, dsn), build_search_index(dsn), build_rollup(dsn)]
    if settings.processors.ai.enabled:
        leaders.append(build_settlement(settings, dsn, instruments=SettlementMetrics()))
    return [
        *([telemetry] if telemetry else []),
        reader,
        interactions,
        decisions,
        exports,
        *forwarders,
        *([runner] if runner else []),
        writer,
        *leaders,
        GuestServer(config, app, lambda told: refusing(told.status, told.message, instruments=instruments)),
        grpc,
    ]
