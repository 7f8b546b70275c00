"""Counts what forwarding tells."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from relayscope.metrics.instrument import counter, gauge
from tracedata import SignalName


class ForwardMetrics:
    """``relayscope.forward.instrument.ForwardInstruments`` as metrics. One instance a registry; by default one of its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.queue_items = gauge(registry, "relayscope_forward_queue_items", mode="livesum")
        self.queue_bytes = gauge(registry, "relayscope_forward_queue_bytes", mode="livesum")
        self.sent_items = counter(registry, "relayscope_forward_sent_total")
        self.failed_items = counter(registry, "relayscope_forward_failed_total")
        self.dropped_items = counter(registry, "relayscope_forward_dropped_total")
        self.retries = counter(registry, "relayscope_forward_retries_total")

    def queued(self, exporter: str, *, items: int, size: int) -> None:
        self.queue_items.labels(exporter).set(items)
        self.queue_bytes.labels(exporter).set(size)

    def sent(self, exporter: str, *, signal: SignalName, items: int) -> None:
        self.sent_items.labels(exporter, signal).inc(items)

    def failed(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:
        self.failed_items.labels(exporter, signal, reason).inc(items)

    def dropped(self, exporter: str, *, signal: SignalName, items: int, reason: str) -> None:
        self.dropped_items.labels(exporter, signal, reason).inc(items)

    def retried(self, exporter: str) -> None:
        self.retries.labels(exporter).inc()
