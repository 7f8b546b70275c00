"""How spans leave: through the SDK's batch processor and a real OTLP exporter, with an account of every span.

The SDK drops spans silently when its queue is full or an export fails for good. The ledger makes that visible: a span
that ended and was never part of a successful export is unacknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

Protocol: TypeAlias = Literal["grpc", "http"]

_QUEUE_SPANS = 16_384
_REQUEST_SPANS = 256
_SCHEDULE_MS = 1_000.0
_TRACES_PATH = "/v1/traces"


class SpanKey(NamedTuple):
    """The ids of a span, in the lower-case hexadecimal that the API answers with."""

    trace_id: str
    span_id: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the spans since the account before.

    ``sent`` has every span that ended; ``acknowledged`` those that the receiver confirmed, of the services in
    ``services_acknowledged``; ``errors`` counts the spans sent with error status.
    """

    sent: frozenset[SpanKey]
    acknowledged: frozenset[SpanKey]
    errors: int
    services_acknowledged: frozenset[str]

    @property
    def unacknowledged(self) -> frozenset[SpanKey]:
        return self.sent - self.acknowledged


class Ledger:
    """Collects the ids of ended and of acknowledged spans. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._sent: set[SpanKey] = set()
        self._acknowledged: set[SpanKey] = set()
        self._errors = 0
        self._services: set[str] = set()

    def note_ended(self, span: ReadableSpan) -> None:
        with self._lock:
            self._sent.update(_keys([span]))
            self._errors += span.status.status_code is StatusCode.ERROR

    def note_acknowledged(self, spans: Sequence[ReadableSpan]) -> None:
        with self._lock:
            self._acknowledged.update(_keys(spans))
            self._services.update(str(span.resource.attributes.get("service.name", "")) for span in spans)

    def take(self) -> Account:
        """The account since the last call; starts a new one. Flush first: spans under way count as unacknowledged."""
        with self._lock:
            account = Account(
                sent=frozenset(self._sent),
                acknowledged=frozenset(self._acknowledged),
                errors=self._errors,
                services_acknowledged=frozenset(self._services),
            )
            self._reset()
        return account


def _keys(spans: Sequence[ReadableSpan]) -> list[SpanKey]:
    contexts = [span.context for span in spans]
    return [
        SpanKey(format(context.trace_id, "032x"), format(context.span_id, "016x"))
        for context in contexts
        if context is not None
    ]


class EndedSpans(SpanProcessor):
    """Writes every ended span into the ledger, before anything can drop it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to note yet."""

    def on_end(self, span: ReadableSpan) -> None:
        self._ledger.note_ended(span)


class CountingSpanExporter(SpanExporter):
    """Passes spans to ``inner`` and writes those of successful exports into the ledger."""

    def __init__(self, inner: SpanExporter, ledger: Ledger) -> None:
        self._inner = inner
        self._ledger = ledger

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._ledger.note_acknowledged(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class Emitter:
    """The way out for all services of a simulation: one queue, one connection, one ledger.

    ``processors`` go into every tracer provider, in this order.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._ledger = Ledger()
        self._batches = BatchSpanProcessor(
            CountingSpanExporter(exporter, self._ledger),
            max_queue_size=_QUEUE_SPANS,
            schedule_delay_millis=_SCHEDULE_MS,
            max_export_batch_size=_REQUEST_SPANS,
        )
        self.processors: tuple[SpanProcessor, ...] = (EndedSpans(self._ledger), self._batches)

    def flush(self) -> Account:
        """Exports everything that ended and accounts for it. Blocks while the exporter retries."""
        self._batches.force_flush()
        return self._ledger.take()

    def close(self) -> None:
        """Exports the rest and closes the connection. Idempotent."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK left it unannotated


def otlp_exporter(endpoint: str, *, protocol: Protocol = "grpc", timeout_s: float = 30.0) -> SpanExporter:
    """The SDK's own OTLP exporter. ``endpoint`` is ``host:port`` or a URL without the path of the signal.

    Both retry transient failures by themselves until ``timeout_s`` seconds have passed for a request.
    """
    url = endpoint if "://" in endpoint else f"http://{endpoint}"
    if protocol == "http":
        return HttpSpanExporter(endpoint=url.rstrip("/") + _TRACES_PATH, timeout=timeout_s)
    return GrpcSpanExporter(
        endpoint=url,
        timeout=timeout_s,
        # gRPC would send even local traffic through the proxy of the environment. Its options are of several types,
        # which the exporter's annotation does not say.
        channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]
    )
