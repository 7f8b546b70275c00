"""Durable ingest beside the COPY ceiling, in turns within one run, so that their ratio means something on any machine."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from processors.sanitise import Sanitise
from receiver.protobuf import decode_traces
from relayscope.bench.load import Order, Result
from relayscope.bench.workload import requests
from relayscope.settings import Settings, load_settings
from relayscope.supervisor import Ready, running_system
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.ceiling import Ceiling, reset, stored
from tracedata import PermanentError, Span

_GROUP_ROWS = 5_000
_ANY_PORT = "127.0.0.1:0"


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
    """One turn of each: rows and spans per second, latencies in milliseconds, bytes per stored span."""

    ceiling_rows_per_s: float
    ingest_spans_per_s: float
    ratio: float
    p50_ms: float
    p99_ms: float
    retries: int
    bytes_per_span: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All rounds, and the median of each figure."""

    started: str
    machine: str
    plan: Plan
    rounds: list[Round]
    ceiling_rows_per_s: float
    ingest_spans_per_s: float
    ratio: float


async def measure(plan: Plan, *, tell: Callable[[str], None]) -> Report:
    """Starts a system of its own in a temporary folder and measures; ``tell`` is given a line a step.

    Raises:
        RelayscopeError: the system cannot start, or a stored count does not equal the acknowledged one.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="relayscope-bench-") as folder:
        tell("starting a system in a temporary folder")
        async with running_system(_settings(Path(folder), plan)) as ready:
            rounds = []
            for number in range(plan.rounds):
                rounds.append(await _round(plan, ready, number=number, tell=tell))
                tell(_line(rounds[-1], number=number + 1, of=plan.rounds))
    return Report(
        started=started,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        plan=plan,
        rounds=rounds,
        ceiling_rows_per_s=statistics.median(one.ceiling_rows_per_s for one in rounds),
        ingest_spans_per_s=statistics.median(one.ingest_spans_per_s for one in rounds),
        ratio=statistics.median(one.ratio for one in rounds),
    )


def _line(one: Round, *, number: int, of: int) -> str:
    return (
        f"round {number} of {of}: ceiling {one.ceiling_rows_per_s:,.0f} rows/s, "
        f"ingest {one.ingest_spans_per_s:,.0f} spans/s, ratio {one.ratio:.2f}"
    )


def _settings(folder: Path, plan: Plan) -> Settings:
    protocols = {"grpc": {"endpoint": _ANY_PORT}, "http": {"endpoint": _ANY_PORT}}
    return load_settings(
        flags={
            "receivers": {"otlp": {"protocols": protocols}},
            "storage": {"data_dir": folder, "database_url": None},
            "service": {
                "http": {"endpoint": _ANY_PORT},
                "jaeger": {"http": _ANY_PORT, "grpc": _ANY_PORT},
                "workers": plan.workers,
            },
        }
    )


async def _round(plan: Plan, ready: Ready, *, number: int, tell: Callable[[str], None]) -> Round:
    seed = plan.seed + 2 * number
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
    result = await _load(plan, ready, seed=seed + 1)
    spans, size = await stored(ready.database_url)
    if spans != result.spans:
        raise PermanentError(f"{result.spans} spans were acknowledged, {spans} are stored")
    rate = result.spans / result.seconds
    return Round(
        ceiling_rows_per_s=ceiling_rate,
        ingest_spans_per_s=rate,
        ratio=rate / ceiling_rate,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        retries=result.retries,
        bytes_per_span=size / spans,
    )


def _spans(plan: Plan, *, seed: int) -> list[Span]:
    """The workload as the writer would see it."""
    sanitise = Sanitise()
    batches = [
        sanitise.process(decode_traces(request.data, DEFAULT_WORKSPACE_ID))
        for request in requests(seed=seed, spans=plan.spans, sizes=plan.sizes)
    ]
    return [span for batch in batches for span in batch.spans]


async def _load(plan: Plan, ready: Ready, *, seed: int) -> Result:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "relayscope.bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        return await _command(process, plan, ready, seed=seed)
    finally:
        # A generator that nobody listens to any more would send on.
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _command(process: Process, plan: Plan, ready: Ready, *, seed: int) -> Result:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    order = Order(
        target=f"127.0.0.1:{ready.otlp_grpc}",
        seed=seed,
        spans=plan.spans,
        sizes=plan.sizes,
        connections=plan.connections,
        concurrency=plan.concurrency,
    )
    process.stdin.write(msgspec.json.encode(order) + b"\n")
    await process.stdout.readline()
    await reset(ready.database_url)
    process.stdin.write(b"go\n")
    line = await process.stdout.readline()
    if await process.wait() or not line:
        raise PermanentError("the load generator failed")
    return msgspec.json.decode(line, type=Result)
