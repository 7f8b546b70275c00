"""Between what was stored and the exporters: takes batches after their commit, encodes them beside the ingest, offers them.

The order is fixed: redaction, commit, acknowledgement, and only then this. A batch waits here as it is, and only a bounded
number of them; encoding is done in small steps, between which requests have their turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

import msgspec

from relayscope.forward.encoding import MAX_REQUEST_BYTES, Items, pieces
from relayscope.forward.exporter import Exporter
from relayscope.forward.parcel import Form
from tracedata import Batch, Consumer, Receipt, SignalName

_log = logging.getLogger(__name__)

# Encoding so many takes a few milliseconds.
_STEP_ITEMS = 250
# For each time that so many wait, one step more is done at a time.
_PATIENCE = 2_000
_FORMS: tuple[Form, ...] = ("protobuf", "json")


class ForwarderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``max_waiting`` bounds the spans and log records that wait to be encoded.

    Their bytes are bounded by the receivers: a batch is encoded in each round of the event loop, so no more can wait than what
    was in flight in a few of them. Weighing each batch takes a third of the time of encoding it.
    """

    max_waiting: int = 20_000


class Forwarder:
    """Hands what was stored to every exporter that wants it."""

    def __init__(self, config: ForwarderConfig, exporters: Sequence[Exporter]) -> None:
        self._config = config
        self._exporters = tuple(exporters)
        self._waiting: deque[Batch] = deque()
        self._count = 0
        self._steps = 0
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ``PermanentError`` when an exporter can never work."""
        for exporter in self._exporters:
            await exporter.start()
        self._task = asyncio.create_task(self._run(), name="forwarder")

    async def aclose(self) -> None:
        """Encodes what waits, and lets the exporters send it within their grace periods. Idempotent."""
        self._is_closing = True
        self._arrived.set()
        if self._task is not None:
            # Nothing new is taken, and nothing in it waits for anybody: it ends soon.
            await self._task
            self._task = None
        while self._waiting:
            self._drop(self._waiting.popleft(), reason="stopped")
        await asyncio.gather(*(exporter.aclose() for exporter in self._exporters))

    def offer(self, batch: Batch, receipt: Receipt) -> None:
        """Takes a batch of which the receipt says what was stored. Returns at once, and never raises."""
        count = len(batch.spans) + len(batch.log_records)
        if receipt.accepted != count:
            # The store has refused rows, and does not say which: what is not stored is not sent on.
            self._drop(batch, reason="unstored")
        elif self._is_closing:
            self._drop(batch, reason="stopped")
        elif self._count and self._count + count > self._config.max_waiting:
            self._drop(batch, reason="busy")
        elif count:
            self._waiting.append(batch)
            self._count += count
            self._arrived.set()

    async def _run(self) -> None:
        while True:
            while not self._waiting:
                if self._is_closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            batch = self._waiting.popleft()
            try:
                await self._encode(batch)
            except Exception as exc:  # noqa: BLE001 - the top of a task
                _log.error("unexpected %s while encoding what is to be sent on", type(exc).__name__)
                self._drop(batch, reason="internal")
            self._count -= len(batch.spans) + len(batch.log_records)
            # Waiting for the next one must not keep a hold on it.
            del batch

    async def _encode(self, batch: Batch) -> None:
        for start in range(0, len(batch.spans), _STEP_ITEMS):
            self._offer(batch.spans[start : start + _STEP_ITEMS], "traces")
            await self._give_way()
        for start in range(0, len(batch.log_records), _STEP_ITEMS):
            self._offer(batch.log_records[start : start + _STEP_ITEMS], "logs")
            await self._give_way()

    async def _give_way(self) -> None:
        """Requests go first, but the more waits, the more is done in a row: else all of it would be lost under load."""
        self._steps += 1
        if self._steps % (1 + self._count // _PATIENCE) == 0:
            await asyncio.sleep(0)

    def _offer(self, items: Items, signal: SignalName) -> None:
        wanting = [exporter for exporter in self._exporters if exporter.wants(signal)]
        for form in _FORMS:
            takers = [exporter for exporter in wanting if exporter.form == form]
            for exporter in takers:
                # A destination that is away costs no encoding.
                if exporter.is_full:
                    exporter.drop(signal, len(items), reason="queue_full")
            takers = [exporter for exporter in takers if not exporter.is_full]
            if takers:
                self._spread(items, signal, form, takers)

    @staticmethod
    def _spread(items: Items, signal: SignalName, form: Form, takers: Sequence[Exporter]) -> None:
        for piece in pieces(items, signal=signal, form=form, max_bytes=MAX_REQUEST_BYTES):
            for exporter in takers:
                if piece is None:
                    exporter.fail(signal, 1, reason="unencodable")
                else:
                    exporter.offer(piece)

    def _drop(self, batch: Batch, *, reason: str) -> None:
        counts: tuple[tuple[SignalName, int], ...] = (("traces", len(batch.spans)), ("logs", len(batch.log_records)))
        for signal, count in counts:
            for exporter in self._exporters:
                if count and exporter.wants(signal):
                    exporter.drop(signal, count, reason=reason)


class Forwarding:
    """``tracedata.Consumer``: what ``inner`` has stored is offered to the forwarder afterwards."""

    def __init__(self, inner: Consumer, forwarder: Forwarder) -> None:
        self._inner = inner
        self._forwarder = forwarder

    async def consume(self, batch: Batch) -> Receipt:
        """See ``tracedata.Consumer``; the receipt is that of ``inner``, and so is the error."""
        receipt = await self._inner.consume(batch)
        self._forwarder.offer(batch, receipt)
        return receipt
