"""The simulated services: each with its own resource and tracer provider, joined only by W3C trace context headers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from relayscope.demo.clock import Clock

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"
_VERSION = "2.4.1"
_NAMESPACE = "relaycore"
_PROPAGATOR = TraceContextTextMapPropagator()
# Given in full, since the SDK would otherwise take limits from the environment and cut prompts.
_LIMITS = SpanLimits(
    max_attributes=256,
    max_events=128,
    max_links=128,
    max_span_attributes=256,
    max_event_attributes=64,
    max_link_attributes=64,
    max_attribute_length=SpanLimits.UNSET,
    max_span_attribute_length=SpanLimits.UNSET,
)


class SeededIdGenerator(IdGenerator):
    """Trace and span ids from a seeded source; zero is not a valid id."""

    def __init__(self, source: random.Random) -> None:
        self._source = source

    def generate_span_id(self) -> int:
        return self._source.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._source.getrandbits(128) or 1


class Work:
    """An open span, together with the service that does the work and the clock it runs by."""

    def __init__(self, *, span: Span, service: Service, clock: Clock) -> None:
        self.span = span
        self.service = service
        self.clock = clock

    @property
    def context(self) -> Context:
        return set_span_in_context(self.span, Context())

    @contextmanager
    def step(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
        clock: Clock | None = None,
    ) -> Iterator[Work]:
        """A child span of the same service; on a forked ``clock`` it runs beside this one."""
        with self.service.open(
            name, clock=clock or self.clock, parent=self.context, kind=kind, attributes=attributes
        ) as work:
            yield work

    def note(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.span.set_attributes(attributes)

    def event(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        self.span.add_event(name, attributes, timestamp=self.clock.now_ns)

    def log(self, event_name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """A log record of the service, in the context of this span."""
        self.service.log(event_name, attributes, at_ns=self.clock.now_ns, context=self.context)

    def fail(self, error_type: str, message: str) -> None:
        """Marks the span as failed, without an exception."""
        self.span.set_attribute("error.type", error_type)
        self.span.set_status(StatusCode.ERROR, message)

    def throw(self, exception_type: str, message: str) -> None:
        """Marks the span as failed by an exception. The stack is left out: a simulation has none worth showing."""
        self.event("exception", {"exception.type": exception_type, "exception.message": message})
        self.fail(exception_type, message)

    def headers(self) -> dict[str, str]:
        """The trace context as it goes over the wire."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, context=self.context)
        return carrier


class Service:
    """A process of the simulated system."""

    def __init__(self, *, name: str, provider: TracerProvider, logs: LoggerProvider) -> None:
        self.name = name
        self._logger = logs.get_logger(name.replace("-", ".", 1), _VERSION, schema_url=SCHEMA_URL)
        self._tracer = provider.get_tracer(name.replace("-", ".", 1), _VERSION, schema_url=SCHEMA_URL)

    @contextmanager
    def open(
        self,
        name: str,
        *,
        clock: Clock,
        parent: Context,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[Work]:
        """A span from the clock's present to its present when the block ends."""
        span = self._tracer.start_span(
            name, context=parent, kind=kind, attributes=attributes, links=links, start_time=clock.now_ns
        )
        try:
            yield Work(span=span, service=self, clock=clock)
        finally:
            span.end(end_time=clock.now_ns)

    def log(self, event_name: str, attributes: Mapping[str, AttributeValue], *, at_ns: int, context: Context) -> None:
        """A log record that is an event."""
        self._logger.emit(
            timestamp=at_ns,
            observed_timestamp=at_ns,
            context=context,
            severity_number=SeverityNumber.INFO,
            attributes=dict(attributes),
            event_name=event_name,
        )

    def receive(self, headers: Mapping[str, str]) -> Context:
        """The context that a caller sent."""
        return _PROPAGATOR.extract(headers, context=Context())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The services of RelayCore."""

    gateway: Service
    auth: Service
    rule_engine: Service
    cache: Service
    router: Service
    openai: Service
    anthropic: Service
    retrieval_agent: Service
    vector_store: Service
    billing: Service


def build_fleet(
    *, processors: Sequence[SpanProcessor], ids: IdGenerator, log_processors: Sequence[LogRecordProcessor] = ()
) -> Fleet:
    """All services, each handing its spans to ``processors`` and its log records to ``log_processors``."""

    def service(name: str) -> Service:
        resource = _resource(name)
        logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for processor in log_processors:
            logs.add_log_record_processor(processor)
        return Service(name=name, provider=_provider(resource, processors=processors, ids=ids), logs=logs)

    return Fleet(
        gateway=service("relaycore-gateway"),
        auth=service("relaycore-auth"),
        rule_engine=service("relaycore-rule-engine"),
        cache=service("relaycore-cache"),
        router=service("relaycore-router"),
        openai=service("relaycore-provider-openai"),
        anthropic=service("relaycore-provider-anthropic"),
        retrieval_agent=service("relaycore-retrieval-agent"),
        vector_store=service("relaycore-vector-store"),
        billing=service("relaycore-billing"),
    )


def _resource(name: str) -> Resource:
    return Resource(
        {
            "service.name": name,
            "service.namespace": _NAMESPACE,
            "service.version": _VERSION,
            "service.instance.id": f"{name}-0",
            "deployment.environment.name": "demo",
            "host.name": f"{name}.example.com",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": sdk_version,
        },
        SCHEMA_URL,
    )


def _provider(resource: Resource, *, processors: Sequence[SpanProcessor], ids: IdGenerator) -> TracerProvider:
    provider = TracerProvider(
        sampler=ALWAYS_ON, resource=resource, id_generator=ids, span_limits=_LIMITS, shutdown_on_exit=False
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider
