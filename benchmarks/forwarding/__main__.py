"""``python -m benchmarks.forwarding``: ingest with nothing to send on to, and with one OTLP exporter, in turns.

The destination is a process on the same machine that takes everything and looks at nothing, so what is measured is what
encoding and sending take from ingest, and a little of what a neighbour takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import statistics
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import msgspec
import psutil

from relayscope.bench.figure import now
from relayscope.bench.load import Order
from relayscope.bench.loader import running_loader
from relayscope.bench.system import fresh_system, machine
from relayscope.supervisor import Ready
from storage.postgres.ceiling import reset

_POLL_S = 0.1
_SETTLE_S = 120.0


class Turn(NamedTuple):
    """One load: the rate of acknowledgement, processor time of all workers, and what became of what was sent on.

    The processor time is measured until everything has left, and depends less on what else the machine does.
    """

    spans_per_s: float
    cpu_us_per_span: float
    p99_ms: float
    sent: int = 0
    dropped: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are medians of rounds; ``ratio`` is that of the rates of each round."""

    started: str
    machine: str
    rounds: int
    spans: int
    plain_spans_per_s: float
    forwarding_spans_per_s: float
    ratio: float
    plain_cpu_us_per_span: float
    forwarding_cpu_us_per_span: float
    plain_p99_ms: float
    forwarding_p99_ms: float
    sent: int
    dropped: int


async def _measure(options: argparse.Namespace) -> Report:
    started = now()
    async with _destination() as port:
        exporter = {"endpoint": f"http://127.0.0.1:{port}", "compression": options.compression}
        async with (
            fresh_system(workers=options.workers) as plain,
            fresh_system(workers=options.workers, exporters={"otlp/bench": exporter}) as forwarding,
        ):
            turns = [
                (
                    await _turn(options, plain, seed=2 * number),
                    await _turn(options, forwarding, seed=2 * number + 1),
                )
                for number in range(options.rounds)
            ]
    return Report(
        started=started,
        machine=machine(),
        rounds=options.rounds,
        spans=options.spans,
        plain_spans_per_s=round(statistics.median(one.spans_per_s for one, _ in turns)),
        forwarding_spans_per_s=round(statistics.median(two.spans_per_s for _, two in turns)),
        ratio=round(statistics.median(two.spans_per_s / one.spans_per_s for one, two in turns), 3),
        plain_cpu_us_per_span=round(statistics.median(one.cpu_us_per_span for one, _ in turns), 1),
        forwarding_cpu_us_per_span=round(statistics.median(two.cpu_us_per_span for _, two in turns), 1),
        plain_p99_ms=round(statistics.median(one.p99_ms for one, _ in turns)),
        forwarding_p99_ms=round(statistics.median(two.p99_ms for _, two in turns)),
        sent=turns[-1][1].sent,
        dropped=turns[-1][1].dropped,
    )


async def _turn(options: argparse.Namespace, ready: Ready, *, seed: int) -> Turn:
    order = Order(
        target=f"127.0.0.1:{ready.otlp_grpc}",
        seed=seed,
        spans=options.spans,
        sizes=(100, 1000),
        connections=16,
        concurrency=32,
    )
    async with running_loader() as loader:
        await loader.prepare(order)
        await reset(ready.database_url)
        before_s = _processor_s(ready)
        result = await loader.send()
    await _settled(ready)
    cpu_us = (_processor_s(ready) - before_s) / result.spans * 1e6
    sent, dropped = await _figure(ready, "sent"), await _figure(ready, "dropped")
    turn = Turn(result.spans / result.seconds, cpu_us, result.p99_ms, sent, dropped)
    print(turn, file=sys.stderr)
    return turn


def _processor_s(ready: Ready) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in ready.pids.workers]
    return sum(one.user + one.system for one in times)


async def _settled(ready: Ready) -> None:
    """Waits until nothing is held back, so that the next turn has the machine for itself."""
    async with asyncio.timeout(_SETTLE_S):
        while await _figure(ready, "queue_items"):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(_POLL_S)


async def _figure(ready: Ready, name: str) -> int:
    """The sum of a metric of forwarding since the start."""
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        text = (await client.get(f"http://127.0.0.1:{ready.http}/metrics")).text
    form = rf"^relayscope_forward_{name}(?:_total)?\{{.*\}} (\S+)$"
    return sum(int(float(number)) for number in re.findall(form, text, re.MULTILINE))


@contextlib.asynccontextmanager
async def _destination() -> AsyncIterator[int]:
    """The port of a receiver that answers every request with success."""
    process: Process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.forwarding.destination", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.forwarding", description="Measure what forwarding costs."
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--compression", choices=("none", "gzip"), default="none")
    report = asyncio.run(_measure(parser.parse_args()))
    print(msgspec.json.format(msgspec.json.encode(report)).decode())


if __name__ == "__main__":
    main()
