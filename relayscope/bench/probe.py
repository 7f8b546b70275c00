"""What else is watched while a load runs: how soon a span can be queried, and how much memory the workers take."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence

import grpc
import httpx
import psutil
from grpc import aio

from relayscope.bench.load import EXPORT
from relayscope.bench.workload import marked_request
from relayscope.supervisor import Ready

_PAUSE_S = 0.1
_POLL_S = 0.005
_TIMEOUT_S = 60.0
_SAMPLE_S = 0.2


class Probe:
    """Sends one marked span after the other, and asks the API for each until it is there."""

    def __init__(self, ready: Ready) -> None:
        self._target = f"127.0.0.1:{ready.otlp_grpc}"
        self._url = f"http://127.0.0.1:{ready.http}/api/v1/traces"
        self.latencies_ms: list[float] = []
        self._dice = random.Random()
        self._end = asyncio.Event()

    def stop(self) -> None:
        """Lets ``run`` end, after the span that is under way: what was sent is counted."""
        self._end.set()

    async def run(self) -> None:
        """Goes on until it is stopped."""
        async with (
            aio.insecure_channel(self._target) as channel,
            # A proxy of the environment cannot reach this machine's loopback interface.
            httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client,
        ):
            export = channel.unary_unary(EXPORT)
            while not self._end.is_set():
                await self._measure(export, client)
                await _pause(self._end, _PAUSE_S)

    async def _measure(self, export: aio.UnaryUnaryMultiCallable, client: httpx.AsyncClient) -> None:
        trace_id = self._dice.randbytes(16)
        request = marked_request(trace_id)
        start = time.perf_counter()
        while not await _is_acknowledged(export, request):  # noqa: ASYNC110 - another process knows when
            await asyncio.sleep(_POLL_S)
        while (await client.get(f"{self._url}/{trace_id.hex()}")).status_code != httpx.codes.OK:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        self.latencies_ms.append((time.perf_counter() - start) * 1000)


async def _is_acknowledged(export: aio.UnaryUnaryMultiCallable, request: bytes) -> bool:
    try:
        await export(request, timeout=_TIMEOUT_S, wait_for_ready=True)
    except aio.AioRpcError as exc:
        if exc.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            return False
        raise
    return True


class Memory:
    """The most resident memory that any of some processes had while ``run`` watched."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self.peak_mib = 0.0
        self._end = asyncio.Event()

    def stop(self) -> None:
        """Lets ``run`` end."""
        self._end.set()

    async def run(self) -> None:
        """Goes on until it is stopped."""
        while not self._end.is_set():
            for process in self._processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    self.peak_mib = max(self.peak_mib, process.memory_info().rss / (1 << 20))
            await _pause(self._end, _SAMPLE_S)


async def _pause(end: asyncio.Event, seconds: float) -> None:
    """Waits, but not beyond the end."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(end.wait(), seconds)
