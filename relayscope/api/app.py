"""Puts the HTTP application together from its routers."""

import time
from collections.abc import Callable
from importlib import metadata
from typing import Any, NamedTuple, Protocol

from fastapi import FastAPI

from relayscope.api import jaeger, landing, metrics
from relayscope.api.observation import ApiInstruments, ObservedRequests, SystemView
from relayscope.api.problem import install_problem_handlers
from relayscope.api.rest import (
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
    trace_queries,
    traces,
)
from relayscope.api.rest import logs as log_records
from relayscope.api.rest.answer import component_schemas
from storage.api import SpanReader
from storage.decision_reader import DecisionReader
from storage.interaction_reader import InteractionReader, StoredSpans
from storage.log_record import LogReader
from storage.replay import ReplayReader
from storage.rollup import SpanStatisticsReader
from storage.rule_set import RuleSets
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
    queries: TraceQueryReader | None = None,
    replayed: ReplayAccess | None = None,
    statistics: SpanStatisticsReader | None = None,
) -> FastAPI:
    """The application over a store.

    ``reader`` is started and closed by the caller. ``clock`` gives Unix nanoseconds. ``system`` is what the
    application belongs to: without it, there are no metrics, and readiness is the store's. ``logs`` reads log records,
    ``redacted`` is what tells of redaction, and the policy of a workspace. ``ai`` brings the endpoints of AI interactions,
    ``queries`` those of TraceQL, ``replayed`` those of replay and of rule sets, ``statistics`` that of spans over time.
    """
    version = installed_version()
    # The documentation pages that come with FastAPI load scripts from elsewhere, beside the data of this origin.
    app = _Application(title="Relayscope", version=version, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    if instruments is not None:
        app.add_middleware(ObservedRequests, instruments=instruments)
    app.include_router(landing.create_router(version=version))
    if system is not None:
        app.include_router(metrics.create_router(system))
    app.include_router(health.create_router(reader, version=version, system=system))
    # Before the traces, whose ``/{traceId}`` would take ``/services`` and ``/search`` for an id.
    app.include_router(services.create_router(reader, clock=clock))
    if statistics is not None:
        app.include_router(span_statistics.create_router(statistics, clock=clock))
    if queries is not None:
        app.include_router(trace_queries.create_router(queries, reader, clock=clock))
    app.include_router(traces.create_router(reader, clock=clock))
    if logs is not None:
        app.include_router(log_records.create_router(logs, clock=clock))
    if redacted is not None:
        app.include_router(redaction.create_router(*redacted, clock=clock))
    if ai is not None:
        app.include_router(interactions.create_router(ai.reader, clock=clock, conversation=ai.conversation))
        if ai.consumer is not None:
            app.include_router(submissions.create_router(ai.consumer, ai.reader))
            app.include_router(decision_submissions.create_router(ai.consumer))
    if replayed is not None:
        # Before what takes any word after /decisions for the id of a trace.
        app.include_router(replay.create_replay_router(*replayed, clock=clock))
        app.include_router(rules.create_rules_router(replayed.rule_sets))
    if ai is not None and ai.decisions is not None:
        app.include_router(decisions.create_router(ai.decisions, ai.reader, clock=clock))
    app.include_router(jaeger.create_router(reader, clock_ns=clock))
    # Last: whatever else is asked for under /api gets the answer that Jaeger's clients expect.
    app.router.routes.append(jaeger.UnknownEndpoint())
    return app


class _Application(FastAPI):
    """FastAPI whose OpenAPI document knows the schemas of our answers."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once. ``Any`` is FastAPI's type for it."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(component_schemas())
        return super().openapi()


def installed_version() -> str:
    """What runs; 0 in a checkout that was not installed."""
    try:
        return metadata.version("relayscope")
    except metadata.PackageNotFoundError:
        return "0"
