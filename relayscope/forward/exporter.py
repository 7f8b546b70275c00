"""One destination with its own queue, its own senders and its own patience. What happens here is nobody else's business."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import traceback
from collections.abc import Collection

import msgspec

from relayscope.forward.complaint import Complaint
from relayscope.forward.instrument import ForwardInstruments
from relayscope.forward.parcel import Form, Parcel, Piece
from relayscope.forward.queue import QueueConfig, SendingQueue
from relayscope.forward.retry import Retry, RetryConfig
from relayscope.forward.sink import Sink
from tracedata import PermanentError, RetryableError, SignalName

_log = logging.getLogger(__name__)


class ExporterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is that of the configuration; ``consumers`` is how many requests are under way at a time."""

    name: str
    queue: QueueConfig
    retry: RetryConfig
    signals: Collection[SignalName] = ("traces", "logs")
    consumers: int = 1
    grace_period_s: float = 10.0


class Exporter:
    """Offers never wait and never raise."""

    def __init__(self, config: ExporterConfig, sink: Sink, *, instruments: ForwardInstruments) -> None:
        self._config = config
        self._sink = sink
        self._instruments = instruments
        self._queue = SendingQueue(config.queue)
        # Jitter guards nothing.
        self._dice = random.Random()  # noqa: S311
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble = Complaint(_log, config.name)

    @property
    def form(self) -> Form:
        """What its pieces have to be."""
        return self._sink.form

    def wants(self, signal: SignalName) -> bool:
        return signal in self._config.signals

    @property
    def is_full(self) -> bool:
        """Whether encoding something for it is in vain."""
        return self._queue.is_full

    async def start(self) -> None:
        """See ``Sink.start``."""
        await self._sink.start()
        self._tell()
        name = f"forward-{self._config.name}"
        self._tasks = [asyncio.create_task(self._run(), name=name) for _ in range(self._config.consumers)]

    async def aclose(self) -> None:
        """Sends what waits, for a bounded time, without pauses between attempts; the rest is dropped and counted."""
        self._queue.close()
        self._closing.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._config.grace_period_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            self._tasks = []
        for piece in self._queue.clear():
            self.drop(piece.signal, piece.items, reason="stopped")
        self._tell()
        await self._sink.aclose()

    def offer(self, piece: Piece) -> None:
        """Takes the piece when there is room for it, and else counts it."""
        if self._queue.put(piece):
            self._tell()
            return
        self.drop(piece.signal, piece.items, reason="queue_full")

    def drop(self, signal: SignalName, items: int, *, reason: str) -> None:
        """Counts what is not sent."""
        self._instruments.dropped(self._config.name, signal=signal, items=items, reason=reason)
        self._trouble.lost(items, reason)

    def fail(self, signal: SignalName, items: int, *, reason: str) -> None:
        """Counts what the destination will not have."""
        self._instruments.failed(self._config.name, signal=signal, items=items, reason=reason)
        self._trouble.lost(items, reason)

    async def _run(self) -> None:
        while (parcel := await self._queue.take()) is not None:
            try:
                await self._deliver(parcel)
            except asyncio.CancelledError:
                self.drop(parcel.signal, parcel.items, reason="stopped")
                raise
            except Exception as exc:  # noqa: BLE001 - the top of a task
                place = traceback.extract_tb(exc.__traceback__)[-1]
                _log.error("unexpected %s in an exporter, at %s:%s", type(exc).__name__, place.filename, place.lineno)
                self.fail(parcel.signal, parcel.items, reason="internal")
            finally:
                self._queue.done(parcel)
                self._tell()

    async def _deliver(self, parcel: Parcel) -> None:
        now = asyncio.get_running_loop().time
        retry = Retry(self._config.retry, born=now(), dice=self._dice)
        while True:
            was_closing = self._closing.is_set()
            try:
                rejected = min(await self._sink.send(parcel), parcel.items)
            except RetryableError as exc:
                pause_s = retry.pause(now(), asked_s=exc.retry_after_s)
                if pause_s is None or was_closing:
                    self.fail(parcel.signal, parcel.items, reason="stopped" if was_closing else "expired")
                    return
                self._trouble.away(str(exc))
                self._instruments.retried(self._config.name)
                await self._rest(pause_s)
            except PermanentError as exc:
                self.fail(parcel.signal, parcel.items, reason="refused")
                self._trouble.refused(str(exc))
                return
            else:
                self._account(parcel, rejected)
                return

    def _account(self, parcel: Parcel, rejected: int) -> None:
        self._trouble.answered()
        if rejected:
            self.fail(parcel.signal, rejected, reason="rejected")
        if parcel.items > rejected:
            self._instruments.sent(self._config.name, signal=parcel.signal, items=parcel.items - rejected)

    async def _rest(self, pause_s: float) -> None:
        """At a stop there is no time for pauses."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), pause_s)

    def _tell(self) -> None:
        self._instruments.queued(self._config.name, items=self._queue.items, size=self._queue.size)
