"""One answer for all processes: their shared figures, the supervisor's state, and measurements of the store."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from relayscope.api.rest.health_schema import IngestFigures
from relayscope.metrics.catalogue import CATALOGUE
from relayscope.run import RunState, read_state
from storage.measurement import StoreMeasurement, StoreMeter
from tracedata import RelayscopeError

# Sizes change slowly, and several scrapers are no reason to measure more often.
_MEASUREMENT_AGE_S = 15.0
# Well below the ten seconds that Prometheus waits by default.
_MEASUREMENT_PATIENCE_S = 3.0


class Exposition:
    """``relayscope.api.observation.SystemView`` over the run folder."""

    def __init__(
        self,
        folder: Path,
        *,
        meter: StoreMeter,
        version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._meter = meter
        self._version = version
        self._clock = clock
        self._measured: tuple[float, StoreMeasurement | None] | None = None
        self._measuring = asyncio.Lock()

    def missing(self) -> Sequence[str]:
        children = [child for child in read_state(self._folder).children if child.role != "api"]
        down = sum(not child.is_up for child in children)
        return [f"{down} of {len(children)} ingest workers are not up"] if down else []

    async def ingest(self) -> IngestFigures:
        families = await asyncio.to_thread(self._shared)
        state = read_state(self._folder)
        workers = [child for child in state.children if child.role == "ingest"]
        return IngestFigures(
            workers=len(workers),
            workers_up=sum(child.is_up for child in workers),
            restarts=sum(child.restarts for child in state.children),
            accepted_spans=_total(families, "relayscope_spans_accepted_total"),
            rejected_spans=_total(families, "relayscope_spans_rejected_total"),
            committed_spans=_total(families, "relayscope_spans_committed_total"),
            refused_requests=_total(families, "relayscope_requests_refused_total"),
            failed_commits=_total(families, "relayscope_commit_failures_total"),
            accepted_log_records=_total(families, "relayscope_log_records_accepted_total"),
            rejected_log_records=_total(families, "relayscope_log_records_rejected_total"),
            committed_log_records=_total(families, "relayscope_log_records_committed_total"),
            queued_rows=_total(families, "relayscope_queue_rows"),
            queued_bytes=_total(families, "relayscope_queue_bytes"),
        )

    async def exposition(self) -> bytes:
        measured = await self._measurement()
        return await asyncio.to_thread(self._render, measured)

    async def _measurement(self) -> StoreMeasurement | None:
        """The last measurement while it is young; none while the store does not answer, which is remembered as long."""
        async with self._measuring:
            if self._measured is None or self._clock() - self._measured[0] > _MEASUREMENT_AGE_S:
                found = await self._measure()
                self._measured = (self._clock(), found)
            return self._measured[1]

    async def _measure(self) -> StoreMeasurement | None:
        try:
            async with asyncio.timeout(_MEASUREMENT_PATIENCE_S):
                return await self._meter.measure()
        except (RelayscopeError, TimeoutError):
            # Said by relayscope_store_up; a log line each time would only repeat it.
            return None

    def _render(self, measured: StoreMeasurement | None) -> bytes:
        registry = CollectorRegistry()
        for families in (
            self._shared(),
            _build_families(self._version),
            _system_families(read_state(self._folder)),
            _store_families(measured),
        ):
            registry.register(_Fixed(families))
        return generate_latest(registry)

    def _shared(self) -> Sequence[Family]:
        if not self._folder.is_dir():
            return []
        path = str(self._folder)
        collector: Collector = MultiProcessCollector(None, path=path)  # type: ignore[no-untyped-call]  # no types there
        return list(collector.collect())


class _Fixed:
    """A collector of what is known already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Family]:
        return iter(self._families)


def _build_families(version: str) -> Iterator[Family]:
    family = _family("relayscope_build_info")
    family.add_metric([version, platform.python_version()], 1)
    yield family


def _system_families(state: RunState) -> Iterator[Family]:
    expected, up = _family("relayscope_processes"), _family("relayscope_processes_up")
    restarts = _family("relayscope_process_restarts_total")
    for role in sorted({child.role for child in state.children}):
        children = [child for child in state.children if child.role == role]
        expected.add_metric([role], len(children))
        up.add_metric([role], sum(child.is_up for child in children))
        restarts.add_metric([role], sum(child.restarts for child in children))
    yield from (expected, up, restarts)


def _store_families(measured: StoreMeasurement | None) -> Iterator[Family]:
    yield _single("relayscope_store_up", measured is not None)
    if measured is None:
        return
    figures: Mapping[str, float] = {
        "relayscope_store_bytes": measured.database_bytes,
        "relayscope_store_spans_bytes": measured.spans_bytes,
        "relayscope_store_spans": measured.spans,
        "relayscope_store_partitions": measured.partitions,
        "relayscope_search_pending_interactions": measured.search_pending,
        "relayscope_search_lag_seconds": measured.search_lag_s,
    }
    for name, figure in figures.items():
        yield _single(name, figure)
    sizes = _family("relayscope_store_partition_bytes")
    sizes.add_metric(["largest"], measured.largest_partition_bytes)
    sizes.add_metric(["catch_all"], measured.catch_all_bytes)
    yield sizes
    if measured.newest_span_age_s is not None:
        yield _single("relayscope_store_newest_span_age_seconds", measured.newest_span_age_s)


def _family(name: str) -> CounterMetricFamily | GaugeMetricFamily:
    metric = CATALOGUE[name]
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(name, metric.help, labels=metric.labels)


def _single(name: str, figure: float) -> Family:
    family = _family(name)
    family.add_metric([], figure)
    return family


def _total(families: Iterable[Family], name: str) -> int:
    """The sum of one metric over all its labels."""
    samples = (sample for family in families for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.name == name))
