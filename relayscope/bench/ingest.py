"""Durable ingest beside the COPY ceiling, in turns within one run, so that their ratio means something on any machine."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable

import msgspec

from processors.sanitise import Sanitise
from receiver.protobuf import decode_traces
from relayscope.bench.figure import now, percentile
from relayscope.bench.load import Order, Result
from relayscope.bench.loader import running_loader
from relayscope.bench.probe import Memory, Probe
from relayscope.bench.system import fresh_system, machine
from relayscope.bench.workload import requests
from relayscope.supervisor import Ready
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.ceiling import Ceiling, reset, stored
from tracedata import PermanentError, Span

_GROUP_ROWS = 5_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure. ``sizes`` are the fewest and the most spans of a request."""

    rounds: int = 3
    spans: int = 150_000
    sizes: tuple[int, int] = (100, 1000)
    workers: int = 2
    connections: int = 16
    concurrency: int = 32
    seed: int = 1


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of each: rows and spans per second, latencies in milliseconds, bytes per stored span.

    ``unredacted`` figures are those of a system that redacts nothing, ``unextracted`` ones of a system that makes no AI interactions;
    all others are those of one with the defaults. ``extraction_ratio`` is the rate with AI interactions by that without.
    ``queryable_ms`` is, of each probe, the time from sending a span to reading it through the API, under the load.
    ``worker_memory_mib`` is the most resident memory that any worker had.
    """

    ceiling_rows_per_s: float
    ingest_spans_per_s: float
    ratio: float
    unredacted_spans_per_s: float
    unredacted_ratio: float
    unextracted_spans_per_s: float
    extraction_ratio: float
    p50_ms: float
    p99_ms: float
    queryable_ms: list[float]
    worker_memory_mib: float
    retries: int
    bytes_per_span: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds; the median of their rates, percentiles of all probes, the most memory."""

    started: str
    machine: str
    plan: Plan
    rounds: list[Round]
    ceiling_rows_per_s: float
    ingest_spans_per_s: float
    ratio: float
    unredacted_spans_per_s: float
    unredacted_ratio: float
    unextracted_spans_per_s: float
    extraction_ratio: float
    queryable_p50_ms: float
    queryable_p99_ms: float
    worker_memory_mib: float


async def measure(plan: Plan, *, tell: Callable[[str], None]) -> Report:
    """Starts systems of its own in temporary folders and measures; ``tell`` is given a line a step.

    Raises:
        RelayscopeError: the system cannot start, or a stored count does not equal the acknowledged one.
    """
    started = now()
    tell("starting three systems in temporary folders; one redacts nothing, one makes no AI interactions")
    async with (
        fresh_system(workers=plan.workers) as ready,
        fresh_system(workers=plan.workers, redaction=False) as unredacted,
        fresh_system(workers=plan.workers, extraction=False) as unextracted,
    ):
        rounds = []
        for number in range(plan.rounds):
            systems = _Systems(ready=ready, unredacted=unredacted, unextracted=unextracted)
            rounds.append(await _round(plan, systems, number=number, tell=tell))
            tell(_line(rounds[-1], number=number + 1, of=plan.rounds))
    queryable_ms = [latency for one in rounds for latency in one.queryable_ms]
    return Report(
        started=started,
        machine=machine(),
        plan=plan,
        rounds=rounds,
        ceiling_rows_per_s=statistics.median(one.ceiling_rows_per_s for one in rounds),
        ingest_spans_per_s=statistics.median(one.ingest_spans_per_s for one in rounds),
        ratio=statistics.median(one.ratio for one in rounds),
        unredacted_spans_per_s=statistics.median(one.unredacted_spans_per_s for one in rounds),
        unredacted_ratio=statistics.median(one.unredacted_ratio for one in rounds),
        unextracted_spans_per_s=statistics.median(one.unextracted_spans_per_s for one in rounds),
        extraction_ratio=statistics.median(one.extraction_ratio for one in rounds),
        queryable_p50_ms=percentile(queryable_ms, 0.5),
        queryable_p99_ms=percentile(queryable_ms, 0.99),
        worker_memory_mib=max(one.worker_memory_mib for one in rounds),
    )


def _line(one: Round, *, number: int, of: int) -> str:
    return (
        f"round {number} of {of}: ceiling {one.ceiling_rows_per_s:,.0f} rows/s, "
        f"ingest {one.ingest_spans_per_s:,.0f} spans/s, "
        f"ratio {one.ratio:.2f} ({one.unredacted_ratio:.2f} without redaction), "
        f"{one.extraction_ratio:.2f} of the rate without AI interactions"
    )


class _Systems(msgspec.Struct, frozen=True, kw_only=True):
    ready: Ready
    unredacted: Ready
    unextracted: Ready


async def _round(plan: Plan, systems: _Systems, *, number: int, tell: Callable[[str], None]) -> Round:
    ready, seed = systems.ready, plan.seed + 4 * number
    tell(f"round {number + 1}: encoding {plan.spans:,} spans for the ceiling")
    ceiling = Ceiling(
        ready.database_url,
        _spans(plan, seed=seed),
        workspace_id=DEFAULT_WORKSPACE_ID,
        group_rows=_GROUP_ROWS,
    )
    await reset(ready.database_url)
    tell(f"round {number + 1}: measuring the ceiling")
    ceiling_rate = await ceiling.measure()
    del ceiling
    tell(f"round {number + 1}: encoding and sending {plan.spans:,} other spans")
    watch = _Watch(ready)
    result, bytes_per_span = await _load(plan, ready, seed=seed + 1, watch=watch)
    tell(f"round {number + 1}: the same without AI interactions")
    plain, _ = await _load(plan, systems.unextracted, seed=seed + 2, watch=_Watch(systems.unextracted))
    tell(f"round {number + 1}: the same without redaction")
    bare, _ = await _load(plan, systems.unredacted, seed=seed + 3, watch=_Watch(systems.unredacted))
    rate, unredacted_rate = result.spans / result.seconds, bare.spans / bare.seconds
    unextracted_rate = plain.spans / plain.seconds
    return Round(
        ceiling_rows_per_s=ceiling_rate,
        ingest_spans_per_s=rate,
        ratio=rate / ceiling_rate,
        unredacted_spans_per_s=unredacted_rate,
        unredacted_ratio=unredacted_rate / ceiling_rate,
        unextracted_spans_per_s=unextracted_rate,
        extraction_ratio=rate / unextracted_rate,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        queryable_ms=watch.probe.latencies_ms,
        worker_memory_mib=watch.memory.peak_mib,
        retries=result.retries,
        bytes_per_span=bytes_per_span,
    )


def _spans(plan: Plan, *, seed: int) -> list[Span]:
    """The workload as the writer would see it."""
    sanitise = Sanitise()
    batches = [
        sanitise.process(decode_traces(request.data, DEFAULT_WORKSPACE_ID))
        for request in requests(seed=seed, spans=plan.spans, sizes=plan.sizes)
    ]
    return [span for batch in batches for span in batch.spans]


async def _load(plan: Plan, ready: Ready, *, seed: int, watch: _Watch) -> tuple[Result, float]:
    """What the load generator saw, and bytes per span; everything that was acknowledged is stored."""
    order = Order(
        target=f"127.0.0.1:{ready.otlp_grpc}",
        seed=seed,
        spans=plan.spans,
        sizes=plan.sizes,
        connections=plan.connections,
        concurrency=plan.concurrency,
    )
    async with running_loader() as loader:
        await loader.prepare(order)
        await reset(ready.database_url)
        async with watch:
            result = await loader.send()
    spans, size = await stored(ready.database_url)
    acknowledged = result.spans + len(watch.probe.latencies_ms)
    if spans != acknowledged:
        raise PermanentError(f"{acknowledged} spans were acknowledged, {spans} are stored")
    return result, size / spans


class _Watch:
    """Probes and measures memory for the time of an ``async with``."""

    def __init__(self, ready: Ready) -> None:
        self.probe = Probe(ready)
        self.memory = Memory(ready.pids.workers)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self.probe.run()), asyncio.create_task(self.memory.run())]

    async def __aexit__(self, *_: object) -> None:
        self.probe.stop()
        self.memory.stop()
        await asyncio.gather(*self._tasks)
