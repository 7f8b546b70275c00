"""Puts the HTTP application together from its routers."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from fastapi import FastAPI

from relayscope.api import jaeger, landing, metrics
from relayscope.api.observation import ApiInstruments, ObservedRequests, SystemView
from relayscope.api.problem import install_problem_handlers
from relayscope.api.rest import (
    archive,
    attributes,
    comparisons,
    decision_submissions,
    decisions,
    health,
    interactions,
    redaction,
    replay,
    rules,
    services,
    span_statistics,
    submissions,
    trace_details,
    trace_errors,
    trace_queries,
    traces,
)
from relayscope.api.rest import logs as log_records
from relayscope.api.rest.answer import component_schemas
from relayscope.api.rest.export import ExportAccess, create_export_router
from relayscope.api.rest.export_sql import create_sql_export_router
from relayscope.api.rest.sql import SqlAccess
from relayscope.api.rest.sql import create_router as create_sql_router
from relayscope.version import installed_version
from storage.api import SpanReader
from storage.decision_reader import DecisionReader
from storage.frame import FrameReader
from storage.interaction_reader import InteractionReader, StoredSpans
from storage.log_record import LogReader
from storage.replay import ReplayReader
from storage.rollup import SpanStatisticsReader
from storage.rule_set import RuleSets
from storage.sample import SampleReader
from storage.trace_query import TraceQueryReader
from tracedata import Consumer

_DESCRIPTION = """Traces, log records, services and health of Relayscope.

Times are ISO-8601 in UTC, durations are milliseconds. Every list is `{"items": [...], "nextCursor": "..." | null}`;
pass `nextCursor` as `cursor` to get the next page. Errors are `application/problem+json` (RFC 9457).
Attributes, those of events included, are lists of `{"key", "value"}` in OTLP/JSON, so that no type is lost.
"""


class InteractionStore(InteractionReader, StoredSpans, Protocol):
    """What the endpoints of AI interactions read."""


class AiAccess(NamedTuple):
    """What the endpoints of AI interactions stand on.

    ``conversation`` makes messages of spans and log records; without it, messages are the texts that interactions hold.
    ``consumer`` takes what is submitted, limits, redacts and stores it; without one, nothing can be submitted.
    ``decisions`` reads decisions; without it, they have no endpoints.
    """

    reader: InteractionStore
    conversation: interactions.ConversationOf | None = None
    consumer: Consumer | None = None
    decisions: DecisionReader | None = None


class DetailAccess(NamedTuple):
    """What the endpoints stand on that tell of large traces in parts, compare traces, and suggest attributes."""

    frames: FrameReader
    samples: SampleReader


class ReplayAccess(NamedTuple):
    """What replay stands on: recorded decisions, and the rule sets that are kept."""

    reader: ReplayReader
    rule_sets: RuleSets


def create_app(  # noqa: C901 - a line for each part that may be left out
    reader: SpanReader,
    *,
    clock: Callable[[], int] = time.time_ns,
    system: SystemView | None = None,
    instruments: ApiInstruments | None = None,
    logs: LogReader | None = None,
    redacted: tuple[redaction.RedactionStore, redaction.PolicyOf] | None = None,
    ai: AiAccess | None = None,
    sql: SqlAccess | None = None,
    queries: TraceQueryReader | None = None,
    replayed: ReplayAccess | None = None,
    export: ExportAccess | None = None,
    details: DetailAccess | None = None,
    jaeger_access: jaeger.JaegerAccess | None = None,
    statistics: SpanStatisticsReader | None = None,
) -> FastAPI:
    """The application over a store.

    ``reader`` is started and closed by the caller. ``clock`` gives Unix nanoseconds. ``system`` is what the
    application belongs to: without it, there are no metrics, and readiness is the store's. ``logs`` reads log records,
    ``redacted`` is what tells of redaction, and the policy of a workspace. ``ai`` brings the endpoints of AI interactions,
    ``sql`` those of SQL, ``queries`` those of TraceQL, ``replayed`` those of replay and of rule sets, ``export`` those of exports,
    ``details`` those of skeletons, critical paths, errors, comparison and attributes, ``statistics`` that of spans over
    time. ``jaeger_access`` is what Jaeger's clients get besides spans.
    """
    version = installed_version()
    # The documentation pages that come with FastAPI load scripts from elsewhere, beside the data of this origin.
    app = _Application(title="Relayscope", version=version, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    if instruments is not None:
        app.add_middleware(ObservedRequests, instruments=instruments)
    jaeger_access = jaeger_access or jaeger.JaegerAccess()
    _include_landing(app, jaeger_access, version=version)
    if system is not None:
        app.include_router(metrics.create_router(system))
    app.include_router(health.create_router(reader, version=version, system=system))
    # Before the traces, whose ``/{traceId}`` would take ``/services`` and ``/search`` for an id.
    app.include_router(services.create_router(reader, clock=clock))
    if statistics is not None:
        app.include_router(span_statistics.create_router(statistics, clock=clock))
    if queries is not None:
        app.include_router(trace_queries.create_router(queries, reader, clock=clock))
    _include_details(app, details, ai=ai, logs=logs, clock=clock)
    app.include_router(traces.create_router(reader, clock=clock))
    if logs is not None:
        app.include_router(log_records.create_router(logs, clock=clock))
    if redacted is not None:
        app.include_router(redaction.create_router(*redacted, clock=clock))
    if sql is not None:
        app.include_router(create_sql_router(sql))
    if replayed is not None:
        # Before what takes any word after /decisions for the id of a trace.
        app.include_router(replay.create_replay_router(*replayed, clock=clock, sql=sql))
        app.include_router(rules.create_rules_router(replayed.rule_sets))
    if export is not None:
        _include_exports(app, export, sql, clock=clock)
    if ai is not None:
        _include_ai(app, ai, clock=clock)
    _include_jaeger(app, reader, jaeger_access, clock=clock, version=version)
    return app


def _include_landing(app: FastAPI, access: jaeger.JaegerAccess, *, version: str) -> None:
    if access.ui is None:
        app.include_router(landing.create_router(version=version))


def _include_jaeger(
    app: FastAPI, reader: SpanReader, access: jaeger.JaegerAccess, *, clock: Callable[[], int], version: str
) -> None:
    skew_ns = access.max_clock_skew_ns
    if access.purge is not None:
        app.include_router(jaeger.create_purging_router(access.purge))
    app.include_router(jaeger.create_router(reader, clock_ns=clock, max_clock_skew_ns=skew_ns))
    app.include_router(jaeger.create_archiving_router(access.archive, access.decode))
    if access.archive is not None:
        app.include_router(archive.create_archive_router(access.archive))
    app.include_router(jaeger.create_monitoring_router(access.metrics, clock_ns=clock))
    summaries = access.summaries or jaeger.SpanSummaries(reader)
    app.include_router(jaeger.create_v3_router(reader, summaries, access.queries, max_clock_skew_ns=skew_ns))
    # Last: whatever else is asked for under /api gets the answer that Jaeger's clients expect.
    app.router.routes.append(jaeger.UnknownEndpoint())
    if access.ui is not None:
        app.router.routes.append(jaeger.WebPage(access.ui, access.capabilities, version=version))


def _include_ai(app: FastAPI, ai: AiAccess, *, clock: Callable[[], int]) -> None:
    app.include_router(interactions.create_router(ai.reader, clock=clock, conversation=ai.conversation))
    if ai.consumer is not None:
        app.include_router(submissions.create_router(ai.consumer, ai.reader))
        app.include_router(decision_submissions.create_router(ai.consumer))
    if ai.decisions is not None:
        app.include_router(decisions.create_router(ai.decisions, ai.reader, clock=clock))


def _include_exports(app: FastAPI, export: ExportAccess, sql: SqlAccess | None, *, clock: Callable[[], int]) -> None:
    app.include_router(create_export_router(export, clock=clock))
    if sql is not None:
        app.include_router(create_sql_export_router(sql, stall_timeout_s=export.stall_timeout_s))


def _include_details(
    app: FastAPI,
    details: DetailAccess | None,
    *,
    ai: AiAccess | None,
    logs: LogReader | None,
    clock: Callable[[], int],
) -> None:
    if details is None:
        return
    frames, samples = details
    app.include_router(comparisons.create_router(frames, ai.reader if ai is not None else None))
    app.include_router(trace_details.create_router(frames))
    app.include_router(trace_errors.create_router(frames, samples, logs, clock=clock))
    app.include_router(attributes.create_router(samples, clock=clock))


class _Application(FastAPI):
    """FastAPI whose OpenAPI document knows the schemas of our answers."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once. ``Any`` is FastAPI's type for it."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(component_schemas())
        return super().openapi()
