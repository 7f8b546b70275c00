"""The load generator: a process of its own that sends requests it has encoded beforehand, and times the answers.

One JSON line on standard input is an order; ``ready`` on standard output says that everything is encoded; any further line
starts the sending; one JSON line on standard output is the result. Then the next order may come; the end of input ends us.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import grpc
import msgspec
from grpc import aio

from relayscope.bench.figure import percentile
from relayscope.bench.workload import Days, Request, requests

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_TIMEOUT_S = 60.0
_RETRY_S = 0.05
_SAMPLES = 64


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, and how: ``concurrency`` requests in flight over ``connections`` connections."""

    target: str
    seed: int
    spans: int
    sizes: tuple[int, int]
    connections: int
    concurrency: int
    days: Days | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Spans acknowledged, seconds until the last answer, refusals that were retried, latencies in milliseconds.

    ``trace_ids`` are some of the traces, spread over the whole load, in hex.
    """

    spans: int
    seconds: float
    retries: int
    p50_ms: float
    p99_ms: float
    trace_ids: list[str]


def main() -> None:
    """Runs one order after the other."""
    while line := sys.stdin.buffer.readline():
        order = msgspec.json.decode(line, type=Order)
        load = requests(seed=order.seed, spans=order.spans, sizes=order.sizes, days=order.days)
        print("ready", flush=True)  # noqa: T201 - the protocol with our parent
        if not sys.stdin.buffer.readline():
            return
        result = asyncio.run(_send_all(order, load))
        print(msgspec.json.encode(result).decode(), flush=True)  # noqa: T201


async def _send_all(order: Order, load: Sequence[Request]) -> Result:
    # Subchannels of their own, or all channels to one target would share a connection, and so one worker.
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [aio.insecure_channel(order.target, options=options) for _ in range(order.connections)]
    sender = _Sender([channel.unary_unary(EXPORT) for channel in channels])
    pending = iter(load)
    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(order.concurrency):
            tasks.create_task(sender.run(pending, number))
    seconds = time.perf_counter() - start
    await asyncio.gather(*(channel.close() for channel in channels))
    return Result(
        spans=sum(request.spans for request in load),
        seconds=seconds,
        retries=sender.retries,
        p50_ms=percentile(sender.latencies, 0.5) * 1000,
        p99_ms=percentile(sender.latencies, 0.99) * 1000,
        trace_ids=[request.trace_id.hex() for request in load[:: max(1, len(load) // _SAMPLES)]],
    )


class _Sender:
    def __init__(self, exports: Sequence[Callable[..., aio.UnaryUnaryCall[bytes, bytes]]]) -> None:
        self._exports = exports
        self.latencies: list[float] = []
        self.retries = 0

    async def run(self, pending: Iterator[Request], number: int) -> None:
        """Sends one request after the other, until none is left."""
        export = self._exports[number % len(self._exports)]
        for request in pending:
            start = time.perf_counter()
            while not await self._is_acknowledged(export, request):
                self.retries += 1
                await asyncio.sleep(_RETRY_S)
            self.latencies.append(time.perf_counter() - start)

    async def _is_acknowledged(self, export: Callable[..., aio.UnaryUnaryCall[bytes, bytes]], request: Request) -> bool:
        try:
            answer = await export(request.data, timeout=_TIMEOUT_S, wait_for_ready=True)
        except aio.AioRpcError as exc:
            if exc.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                return False
            raise
        if answer:
            raise RuntimeError("the server rejected spans of the benchmark")
        return True


if __name__ == "__main__":
    main()
