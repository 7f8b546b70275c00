"""How batches travel: processors transform them, one consumer makes them durable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from tracedata.batch import NO_REJECTIONS, Batch


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch: how many spans and log records are durable, and how many were left out, by reason class."""

    accepted: int
    rejections: Mapping[str, int] = NO_REJECTIONS

    @property
    def rejected(self) -> int:
        return sum(self.rejections.values())


class Processor(Protocol):
    """A transform on a batch. Pure CPU work, no I/O; order matters and is fixed where the app is wired."""

    def process(self, batch: Batch) -> Batch:
        """Returns the batch itself when nothing had to change, else a new one. Must not raise for bad data."""
        ...


class Consumer(Protocol):
    """The end of a pipeline."""

    async def consume(self, batch: Batch) -> Receipt:
        """Returns once every accepted span and log record is durable. Safe to repeat: a second call makes no second copy.

        Raises:
            RetryableError: nothing may be assumed to be stored; the same batch can be sent again.
            PermanentError: the batch cannot be stored, now or later.
        """
        ...


class Pipeline:
    """A consumer that runs processors in order before handing over to the next consumer."""

    def __init__(self, processors: Sequence[Processor], consumer: Consumer) -> None:
        self._processors = tuple(processors)
        self._consumer = consumer

    async def consume(self, batch: Batch) -> Receipt:
        for processor in self._processors:
            batch = processor.process(batch)
        stored = self._consumer.consume(batch)
        # The consumer decides how long a batch lives; waiting for it must not keep a second hold on it.
        del batch
        return await stored
