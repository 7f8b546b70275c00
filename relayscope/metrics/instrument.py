"""Counts what ingest workers and the API tell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from relayscope.metrics.catalogue import CATALOGUE
from tracedata import Batch, Receipt, SignalName

# More reason classes than we have; beyond it, somebody has made a label of data.
_MAX_REASONS = 64
_OTHER = "other"
# Attribute keys are sent to us, so there may be any number of them.
_MAX_KEYS = 200
_MAX_KEY_CHARS = 100


class IngestMetrics:
    """``tracedata.IngestInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.received_bytes = counter(registry, "relayscope_received_bytes_total")
        self.signals: Mapping[SignalName, SignalMetrics] = {
            "traces": SignalMetrics(registry, "spans"),
            "logs": SignalMetrics(registry, "log_records"),
        }
        self.refused_requests = counter(registry, "relayscope_requests_refused_total")
        self.in_flight = gauge(registry, "relayscope_requests_in_flight", mode="livesum")
        self.decode_seconds = _histogram(registry, "relayscope_decode_seconds")
        self.lag_seconds = _histogram(registry, "relayscope_ingest_lag_seconds")
        self.committed = counter(registry, "relayscope_spans_committed_total")
        self.committed_log_records = counter(registry, "relayscope_log_records_committed_total")
        self.commits = counter(registry, "relayscope_commits_total")
        self.commit_failures = counter(registry, "relayscope_commit_failures_total")
        self.group_rows = _histogram(registry, "relayscope_group_rows")
        self.commit_seconds = _histogram(registry, "relayscope_commit_seconds")
        self.last_commit = gauge(registry, "relayscope_last_commit_timestamp_seconds", mode="max")
        self.queue_rows = gauge(registry, "relayscope_queue_rows", mode="livesum")
        self.queue_bytes = gauge(registry, "relayscope_queue_bytes", mode="livesum")
        self.redactions = counter(registry, "relayscope_redactions_total")
        self.redaction_seconds = _histogram(registry, "relayscope_redaction_seconds")
        self.cache_hits = counter(registry, "relayscope_redaction_cache_hits_total")
        self.cache_misses = counter(registry, "relayscope_redaction_cache_misses_total")
        self.cache_bytes = gauge(registry, "relayscope_redaction_cache_bytes", mode="livesum")
        self._cache = (0, 0)
        self._keys: set[str] = set()

    def request(self, *, transport: str, signal: SignalName, size: int) -> _Request:
        self.received_bytes.labels(transport, signal).inc(size)
        return _Request(self, transport, self.signals[signal])

    def refused(self, *, transport: str, code: str) -> None:
        self.refused_requests.labels(transport, code).inc()

    def queued(self, *, rows: int, size: int) -> None:
        self.queue_rows.set(rows)
        self.queue_bytes.set(size)

    def redacted(
        self,
        *,
        keys: Mapping[str, Mapping[str, int]],
        seconds: float,
        cache_hits: int,
        cache_misses: int,
        cache_bytes: int,
    ) -> None:
        self.redaction_seconds.observe(seconds)
        for key, entities in keys.items():
            if len(self._keys) < _MAX_KEYS and len(key) <= _MAX_KEY_CHARS:
                self._keys.add(key)
            for entity, count in entities.items():
                self.redactions.labels(entity, key if key in self._keys else _OTHER).inc(count)
        hits, misses = self._cache
        self.cache_hits.inc(cache_hits - hits)
        self.cache_misses.inc(cache_misses - misses)
        self.cache_bytes.set(cache_bytes)
        self._cache = (cache_hits, cache_misses)

    def origin(self) -> object | None:
        return None

    def group(self, *, rows: int, origins: Sequence[object]) -> _Group:  # noqa: ARG002 - for who follows requests
        return _Group(self, rows)


class SignalMetrics:
    """What became of the spans, or of the log records, of requests."""

    def __init__(self, registry: CollectorRegistry, name: str) -> None:
        self._accepted = counter(registry, f"relayscope_{name}_accepted_total")
        self._rejected = counter(registry, f"relayscope_{name}_rejected_total")
        self._reasons: set[str] = set()

    def accept(self, count: int, *, transport: str) -> None:
        self._accepted.labels(transport).inc(count)

    def reject(self, rejections: Mapping[str, int]) -> None:
        for reason, count in rejections.items():
            if len(self._reasons) < _MAX_REASONS:
                self._reasons.add(reason)
            self._rejected.labels(reason if reason in self._reasons else _OTHER).inc(count)


class _Request:
    __slots__ = ("_born", "_metrics", "_signal", "_transport")

    def __init__(self, metrics: IngestMetrics, transport: str, signal: SignalMetrics) -> None:
        self._metrics = metrics
        self._signal = signal
        self._transport = transport
        self._born = time.perf_counter()

    def __enter__(self) -> Self:
        self._metrics.in_flight.inc()
        return self

    def __exit__(self, *_: object) -> None:
        self._metrics.in_flight.dec()

    def decoded(self, batch: Batch) -> None:  # noqa: ARG002 - only when, not what
        self._metrics.decode_seconds.observe(time.perf_counter() - self._born)

    def accepted(self, receipt: Receipt) -> None:
        if receipt.accepted:
            self._signal.accept(receipt.accepted, transport=self._transport)
            self._metrics.lag_seconds.observe(time.perf_counter() - self._born)
        if receipt.rejections:
            self._signal.reject(receipt.rejections)


class _Group:
    __slots__ = ("_born", "_metrics", "_rows")

    def __init__(self, metrics: IngestMetrics, rows: int) -> None:
        self._metrics = metrics
        self._rows = rows
        self._born = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._metrics.commit_failures.inc()

    def committed(self, *, spans: int, log_records: int) -> None:
        metrics = self._metrics
        metrics.committed.inc(spans)
        metrics.committed_log_records.inc(log_records)
        metrics.commits.inc()
        metrics.group_rows.observe(self._rows)
        metrics.commit_seconds.observe(time.perf_counter() - self._born)
        metrics.last_commit.set(time.time())


class EnrichMetrics:
    """``processors.enrich.EnrichInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.interactions = counter(registry, "relayscope_ai_interactions_total")
        self.arrivals = counter(registry, "relayscope_ai_deferred_parts_total")
        self.unreadable = counter(registry, "relayscope_ai_unmapped_total")

    def enriched(self, *, interactions: int, arrivals: int) -> None:
        self.interactions.inc(interactions)
        self.arrivals.inc(arrivals)

    def unmapped(self, count: int) -> None:
        self.unreadable.inc(count)


class SettlementMetrics:
    """``storage.interaction.SettlementInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.traces = counter(registry, "relayscope_ai_traces_settled_total")
        self.changed = counter(registry, "relayscope_ai_rows_changed_total")
        self.lag_seconds = _histogram(registry, "relayscope_ai_settlement_lag_seconds")
        # Only the process that leads knows them.
        self.arrivals = gauge(registry, "relayscope_ai_arrivals", mode="livemostrecent")
        self.waiting_traces = gauge(registry, "relayscope_ai_waiting_traces", mode="livemostrecent")

    def settled(self, *, traces: int, failed: int, oversized: int, changed: int) -> None:
        for outcome, count in (("settled", traces), ("failed", failed), ("oversized", oversized)):
            self.traces.labels(outcome).inc(count)
        self.changed.inc(changed)

    def lagged(self, seconds: Sequence[float]) -> None:
        for one in seconds:
            self.lag_seconds.observe(one)

    def backlog(self, *, arrivals: int, waiting: int) -> None:
        self.arrivals.set(arrivals)
        self.waiting_traces.set(waiting)


class RollupMetrics:
    """``storage.rollup.RollupInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.buckets = counter(registry, "relayscope_rollup_buckets_total")
        self.rows = counter(registry, "relayscope_rollup_rows_total")
        self.seconds = _histogram(registry, "relayscope_rollup_seconds")
        # Only the process that leads knows them.
        self.dirty = gauge(registry, "relayscope_rollup_dirty", mode="livemostrecent")
        self.stale = gauge(registry, "relayscope_rollup_stale", mode="livemostrecent")
        self.lag_seconds = gauge(registry, "relayscope_rollup_lag_seconds", mode="livemostrecent")

    def rolled(self, *, buckets: int, rows: int, seconds: float) -> None:
        self.buckets.inc(buckets)
        self.rows.inc(rows)
        self.seconds.observe(seconds)

    def backlog(self, *, dirty: int, stale: int, lag_s: float) -> None:
        self.dirty.set(dirty)
        self.stale.set(stale)
        self.lag_seconds.set(lag_s)


class ApiMetrics:
    """``relayscope.api.observation.ApiInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.request_seconds = _histogram(registry, "relayscope_api_request_seconds")

    def request(self, *, method: str) -> _ApiRequest:
        return _ApiRequest(self, method)


class _ApiRequest:
    __slots__ = ("_born", "_method", "_metrics", "_route", "_status")

    def __init__(self, metrics: ApiMetrics, method: str) -> None:
        self._metrics = metrics
        self._method = method
        self._route = _OTHER
        self._status = 500
        self._born = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        labels = (self._method, self._route, f"{self._status // 100}xx")
        self._metrics.request_seconds.labels(*labels).observe(time.perf_counter() - self._born)

    def routed(self, template: str) -> None:
        self._route = template

    def answered(self, status: int) -> None:
        self._status = status


def counter(registry: CollectorRegistry, name: str) -> Counter:
    metric = CATALOGUE[name]
    return Counter(name, metric.help, metric.labels, registry=registry)


def gauge(registry: CollectorRegistry, name: str, *, mode: str) -> Gauge:
    """``mode`` says how the values of several processes become one, and whether they go with their process."""
    metric = CATALOGUE[name]
    # The library's own type for modes is private.
    return Gauge(name, metric.help, metric.labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]


def _histogram(registry: CollectorRegistry, name: str) -> Histogram:
    metric = CATALOGUE[name]
    return Histogram(name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
