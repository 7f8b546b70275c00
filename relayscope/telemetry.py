"""Spans of our own: what the receivers, the writer and the API did, to any OTLP endpoint but ourselves. Off by default.

A loop is prevented twice. An endpoint that is one of our own ports is refused at the start. And where a Collector
sends our spans back to us, the requests that hold nothing else make no further spans: they are known by an attribute
of their resource.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import msgspec
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from relayscope.api.observation import ApiInstruments, ApiProbe
from tracedata import Batch, GroupProbe, IngestInstruments, Receipt, RequestProbe, SignalName

# On the resource of our own spans, and on a request's span that is not to be sent.
OWN = "relayscope.self"
_MAX_LINKS = 32
_EXPORT_TIMEOUT_S = 5


class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where spans go (``host:port`` of OTLP/gRPC), how many of them, and who we are."""

    endpoint: str
    tls: bool
    ratio: float
    version: str
    role: str


class Telemetry:
    """Makes and sends spans; ``exporter`` is made at the start unless given."""

    def __init__(self, config: TelemetryConfig, *, exporter: SpanExporter | None = None) -> None:
        self._config = config
        self._exporter = exporter
        attributes: dict[str, str | bool] = {
            "service.name": "relayscope",
            "service.version": config.version,
            "service.instance.id": str(uuid.uuid4()),
            "relayscope.role": config.role,
            OWN: True,
        }
        sampler = ParentBased(TraceIdRatioBased(config.ratio))
        self._provider = TracerProvider(sampler=sampler, resource=Resource(attributes), shutdown_on_exit=False)
        self._tracer = self._provider.get_tracer("relayscope", config.version)
        self._is_started = False

    async def start(self) -> None:
        """Begins to send. Whether somebody listens shows only later, in the log."""
        exporter = self._exporter or OTLPSpanExporter(
            endpoint=self._config.endpoint, insecure=not self._config.tls, timeout=_EXPORT_TIMEOUT_S
        )
        self._provider.add_span_processor(_ButNotOurOwn(BatchSpanProcessor(exporter)))
        self._is_started = True

    async def aclose(self) -> None:
        """Sends what is left, for a bounded time. Idempotent."""
        is_started, self._is_started = self._is_started, False
        if is_started:
            # Blocks until the last batch is sent or given up.
            await asyncio.to_thread(self._provider.shutdown)

    def ingest(self, inner: IngestInstruments) -> IngestInstruments:
        """``inner``, with a span for each request and each commit besides."""
        return _TracedIngest(inner, self._tracer)

    def api(self, inner: ApiInstruments) -> ApiInstruments:
        """``inner``, with a span for each request besides."""
        return _TracedApi(inner, self._tracer)


class _ButNotOurOwn(SpanProcessor):
    """Passes spans on, but for those that are about spans of our own."""

    def __init__(self, inner: SpanProcessor) -> None:
        self._inner = inner

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.attributes and OWN in span.attributes):
            self._inner.on_end(span)

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class _TracedIngest:
    """Adds spans to what ``inner`` does."""

    def __init__(self, inner: IngestInstruments, tracer: trace.Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    def refused(self, *, transport: str, code: str) -> None:
        self._inner.refused(transport=transport, code=code)

    def queued(self, *, rows: int, size: int) -> None:
        self._inner.queued(rows=rows, size=size)

    def request(self, *, transport: str, signal: SignalName, size: int) -> AbstractContextManager[RequestProbe]:
        return self._request(transport, signal, size)

    @contextmanager
    def _request(self, transport: str, signal: SignalName, size: int) -> Iterator[RequestProbe]:
        attributes: dict[str, str | int] = {
            "relayscope.transport": transport,
            "relayscope.signal": signal,
            "relayscope.request.size": size,
        }
        with (
            self._inner.request(transport=transport, signal=signal, size=size) as probe,
            _current(self._tracer.start_span("export", kind=SpanKind.SERVER, attributes=attributes)) as span,
        ):
            yield _TracedRequest(probe, span) if span.is_recording() else probe

    def redacted(
        self,
        *,
        keys: Mapping[str, Mapping[str, int]],
        seconds: float,
        cache_hits: int,
        cache_misses: int,
        cache_bytes: int,
    ) -> None:
        self._inner.redacted(
            keys=keys, seconds=seconds, cache_hits=cache_hits, cache_misses=cache_misses, cache_bytes=cache_bytes
        )

    def origin(self) -> object | None:
        span = trace.get_current_span()
        is_own = isinstance(span, ReadableSpan) and OWN in (span.attributes or {})
        return span.get_span_context() if span.is_recording() and not is_own else None

    def group(self, *, rows: int, origins: Sequence[object]) -> AbstractContextManager[GroupProbe]:
        requests = [origin for origin in origins[:_MAX_LINKS] if isinstance(origin, trace.SpanContext)]
        inner = self._inner.group(rows=rows, origins=origins)
        return self._group(inner, rows, requests) if requests else inner

    @contextmanager
    def _group(
        self, inner: AbstractContextManager[GroupProbe], rows: int, requests: Sequence[trace.SpanContext]
    ) -> Iterator[GroupProbe]:
        # A part of the first request's trace, which was sampled; the others find it through its links.
        parent = trace.set_span_in_context(trace.NonRecordingSpan(requests[0]))
        links = [trace.Link(request) for request in requests]
        span = self._tracer.start_span("commit", parent, links=links, attributes={"relayscope.rows": rows})
        with inner as probe, _current(span):
            yield probe


class _TracedRequest:
    """Tells a recorded span what is told to ``inner``."""

    def __init__(self, inner: RequestProbe, span: trace.Span) -> None:
        self._inner = inner
        self._span = span

    def decoded(self, batch: Batch) -> None:
        self._inner.decoded(batch)
        self._span.add_event("decoded")
        self._span.set_attribute("relayscope.spans", len(batch.spans))
        self._span.set_attribute("relayscope.log_records", len(batch.log_records))
        # Ends at the first span that is not ours, so it costs something only for what we sent.
        if batch.spans and all(OWN in span.resource.attributes for span in batch.spans):
            self._span.set_attribute(OWN, value=True)

    def accepted(self, receipt: Receipt) -> None:
        self._inner.accepted(receipt)
        self._span.set_attributes({"relayscope.accepted": receipt.accepted, "relayscope.rejected": receipt.rejected})


class _TracedApi:
    """Adds spans to what ``inner`` does."""

    def __init__(self, inner: ApiInstruments, tracer: trace.Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    def request(self, *, method: str) -> AbstractContextManager[ApiProbe]:
        return self._request(method)

    @contextmanager
    def _request(self, method: str) -> Iterator[ApiProbe]:
        attributes = {"http.request.method": method}
        with (
            self._inner.request(method=method) as probe,
            _current(self._tracer.start_span(method, kind=SpanKind.SERVER, attributes=attributes)) as span,
        ):
            yield _TracedApiRequest(probe, span, method)


class _TracedApiRequest:
    """Names of attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server."""

    def __init__(self, inner: ApiProbe, span: trace.Span, method: str) -> None:
        self._inner = inner
        self._span = span
        self._method = method

    def routed(self, template: str) -> None:
        self._inner.routed(template)
        self._span.update_name(f"{self._method} {template}")
        self._span.set_attribute("http.route", template)

    def answered(self, status: int) -> None:
        self._inner.answered(status)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


@contextmanager
def _current(span: trace.Span) -> Iterator[trace.Span]:
    """Makes a span current and ends it. Of an error it keeps the type alone, since texts can quote data."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except BaseException as exc:
            span.set_attribute("error.type", type(exc).__qualname__)
            span.set_status(StatusCode.ERROR)
            raise
