"""A consumer that remembers what it was given, and fails or waits when told to."""

from __future__ import annotations

import asyncio

from tracedata import Batch, Receipt, Span


class RecordingConsumer:
    """``error`` is raised instead of storing; while ``gate`` is cleared, calls wait; ``entered`` says that one came."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.error: Exception | None = None
        self.entered = asyncio.Event()
        self.stored = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def spans(self) -> list[Span]:
        return [span for batch in self.batches for span in batch.spans]

    async def consume(self, batch: Batch) -> Receipt:
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.batches.append(batch)
        self.stored.set()
        return Receipt(accepted=len(batch.spans) + len(batch.log_records), rejections=batch.rejections)
