"""The wiring of the process that answers, by hand; that of single parts stands beside it, as in ``relayscope.database``.

Components are listed in the order in which they start, against the flow of data; they stop the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from processors.ai.mapper import Mapper
from query.search import compile_search
from receiver.guest_server import GuestConfig, GuestServer
from receiver.otlp_json import decode_traces
from relayscope.api.app import AiAccess, DetailAccess, ReplayAccess, create_app
from relayscope.api.grpc_server import GrpcQueryConfig, GrpcQueryServer
from relayscope.api.jaeger import JaegerAccess, JaegerUi, load_ui
from relayscope.api.observation import ApiInstruments
from relayscope.api.refusal import refusing
from relayscope.api.rest.export import ExportAccess
from relayscope.api.rpc import TraceSource, create_services
from relayscope.aside import AsidePipeline
from relayscope.component import Component
from relayscope.ingest import build_processors, build_telemetry, build_writer, forwarding
from relayscope.interaction import build_settlement
from relayscope.metrics import (
    ApiMetrics,
    Exposition,
    IngestMetrics,
    RollupMetrics,
    SettlementMetrics,
)
from relayscope.redaction import build_audit, effective_policy
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint
from relayscope.sql import build_sql, sql_access
from relayscope.version import installed_version
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
from tracedata import IngestInstruments

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


def build_search_index(dsn: str) -> SearchIndex:
    """What fills the full-text index. Every API process brings it, and one at a time leads."""
    return SearchIndex(SearchIndexConfig(dsn=dsn))


def build_rollup(dsn: str) -> Rollup:
    """What keeps rollups up to date. Every API process brings it, and one at a time leads."""
    return Rollup(RollupConfig(dsn=dsn), instruments=RollupMetrics())


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
    writer = build_writer(settings, dsn, instruments=ingest)
    reading = ReaderConfig(
        dsn=dsn, max_connections=_INTERACTION_CONNECTIONS, statement_timeout_s=settings.storage.query_timeout_s
    )
    interactions, decisions = PostgresInteractionReader(reading), PostgresDecisionReader(reading)
    stored, forwarders = forwarding(settings, writer, slot=slot)
    consumer = AsidePipeline(partial(build_processors, settings, instruments=ingest), stored)
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
