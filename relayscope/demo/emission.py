"""How spans and log records leave: through the SDK's batch processors and real OTLP exporters, with an account of all.

The SDK drops them silently when its queue is full or an export fails for good. The ledger makes that visible: a span
that ended and was never part of a successful export is unacknowledged, and so is a decision of which no carrier was.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode

Protocol: TypeAlias = Literal["grpc", "http"]

_QUEUE_SPANS = 16_384
_REQUEST_SPANS = 256
_SCHEDULE_MS = 1_000.0
_TRACES_PATH, _LOGS_PATH = "/v1/traces", "/v1/logs"
_DECISION_ID = "decision_trace.id"


class SpanKey(NamedTuple):
    """The ids of a span, in the lower-case hexadecimal that the API answers with."""

    trace_id: str
    span_id: str


class DecisionKey(NamedTuple):
    """A decision, as the API answers with it."""

    trace_id: str
    decision_id: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the spans since the account before.

    ``sent`` has every span that ended; ``acknowledged`` those that the receiver confirmed, of the services in
    ``services_acknowledged``; ``errors`` counts the spans sent with error status. ``decisions_sent`` and
    ``decisions_acknowledged`` are the same for decisions, whatever carries them.
    """

    sent: frozenset[SpanKey]
    acknowledged: frozenset[SpanKey]
    errors: int
    services_acknowledged: frozenset[str]
    decisions_sent: frozenset[DecisionKey] = frozenset()
    decisions_acknowledged: frozenset[DecisionKey] = frozenset()

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
        self._decisions_sent: set[DecisionKey] = set()
        self._decisions_acknowledged: set[DecisionKey] = set()

    def note_ended(self, span: ReadableSpan) -> None:
        with self._lock:
            self._sent.update(_keys([span]))
            self._errors += span.status.status_code is StatusCode.ERROR
            self._decisions_sent.update(_decisions_of([span]))

    def note_acknowledged(self, spans: Sequence[ReadableSpan]) -> None:
        with self._lock:
            self._acknowledged.update(_keys(spans))
            self._services.update(str(span.resource.attributes.get("service.name", "")) for span in spans)
            self._decisions_acknowledged.update(_decisions_of(spans))

    def note_logged(self, record: LogRecord) -> None:
        with self._lock:
            self._decisions_sent.update(_decisions_in([record]))

    def note_logs_acknowledged(self, records: Sequence[LogRecord]) -> None:
        with self._lock:
            self._decisions_acknowledged.update(_decisions_in(records))

    def take(self) -> Account:
        """The account since the last call; starts a new one. Flush first: spans under way count as unacknowledged."""
        with self._lock:
            account = Account(
                sent=frozenset(self._sent),
                acknowledged=frozenset(self._acknowledged),
                errors=self._errors,
                services_acknowledged=frozenset(self._services),
                decisions_sent=frozenset(self._decisions_sent),
                decisions_acknowledged=frozenset(self._decisions_acknowledged),
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


def _decisions_of(spans: Sequence[ReadableSpan]) -> Iterator[DecisionKey]:
    for span in spans:
        if span.context is not None:
            for attributes in (span.attributes, *(event.attributes for event in span.events)):
                if attributes and _DECISION_ID in attributes:
                    yield DecisionKey(format(span.context.trace_id, "032x"), str(attributes[_DECISION_ID]))


def _decisions_in(records: Sequence[LogRecord]) -> Iterator[DecisionKey]:
    for record in records:
        if record.trace_id and record.attributes and _DECISION_ID in record.attributes:
            yield DecisionKey(format(record.trace_id, "032x"), str(record.attributes[_DECISION_ID]))


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


class EmittedRecords(LogRecordProcessor):
    """Writes every log record into the ledger, before anything can drop it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        self._ledger.note_logged(log_record.log_record)

    def shutdown(self) -> None:
        """Nothing to close."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the base class's
        return True


class CountingLogExporter(LogRecordExporter):
    """Passes log records to ``inner`` and writes those of successful exports into the ledger."""

    def __init__(self, inner: LogRecordExporter, ledger: Ledger) -> None:
        self._inner = inner
        self._ledger = ledger

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result = self._inner.export(batch)
        if result is LogRecordExportResult.SUCCESS:
            self._ledger.note_logs_acknowledged([one.log_record for one in batch])
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]  # the SDK left it unannotated

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class Emitter:
    """The way out for all services of a simulation: a queue and a connection for each signal, one ledger.

    ``processors`` go into every tracer provider, and ``log_processors`` into every logger provider, in this order. Without a
    ``log_exporter``, log records go nowhere.
    """

    def __init__(self, exporter: SpanExporter, log_exporter: LogRecordExporter | None = None) -> None:
        self._ledger = Ledger()
        self._logs = (
            None
            if log_exporter is None
            else BatchLogRecordProcessor(
                CountingLogExporter(log_exporter, self._ledger),
                max_queue_size=_QUEUE_SPANS,
                schedule_delay_millis=_SCHEDULE_MS,
                max_export_batch_size=_REQUEST_SPANS,
            )
        )
        self.log_processors: tuple[LogRecordProcessor, ...] = (
            () if self._logs is None else (EmittedRecords(self._ledger), self._logs)
        )
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
        if self._logs is not None:
            self._logs.force_flush()
        return self._ledger.take()

    def close(self) -> None:
        """Exports the rest and closes the connection. Idempotent."""
        if self._logs is not None:
            self._logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK left it unannotated
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK left it unannotated


def otlp_exporter(endpoint: str, *, protocol: Protocol = "grpc", timeout_s: float = 30.0) -> SpanExporter:
    """The SDK's own OTLP exporter. ``endpoint`` is ``host:port`` or a URL without the path of the signal.

    Both retry transient failures by themselves until ``timeout_s`` seconds have passed for a request.
    """
    url = _url(endpoint)
    if protocol == "http":
        return HttpSpanExporter(endpoint=url + _TRACES_PATH, timeout=timeout_s)
    return GrpcSpanExporter(
        endpoint=url,
        timeout=timeout_s,
        # gRPC would send even local traffic through the proxy of the environment. Its options are of several types,
        # which the exporter's annotation does not say.
        channel_options=(("grpc.enable_http_proxy", 0),),  # type: ignore[arg-type]
    )


def otlp_log_exporter(endpoint: str, *, protocol: Protocol = "grpc", timeout_s: float = 30.0) -> LogRecordExporter:
    """The same for log records."""
    url = _url(endpoint)
    if protocol == "http":
        return HttpLogExporter(endpoint=url + _LOGS_PATH, timeout=timeout_s)
    # As above.
    return GrpcLogExporter(endpoint=url, timeout=timeout_s, channel_options=(("grpc.enable_http_proxy", 0),))  # type: ignore[arg-type]  # as above


def _url(endpoint: str) -> str:
    return (endpoint if "://" in endpoint else f"http://{endpoint}").rstrip("/")
