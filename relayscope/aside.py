"""A pipeline for a process that mostly answers: its processors work beside the event loop, and are made when first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cached_property

from tracedata import Batch, Consumer, Processor, Receipt


class AsidePipeline:
    """``tracedata.Pipeline``, but the processors run in a thread, one batch at a time.

    ``build`` is called there with the first batch: what redacts takes a second and memory that a process needs only if
    something is ever submitted to it.
    """

    def __init__(self, build: Callable[[], Sequence[Processor]], consumer: Consumer) -> None:
        self._build = build
        self._consumer = consumer
        self._turn = asyncio.Semaphore(1)

    @cached_property
    def _processors(self) -> Sequence[Processor]:
        return self._build()

    async def consume(self, batch: Batch) -> Receipt:
        """See ``tracedata.Consumer``."""
        async with self._turn:
            processed = await asyncio.to_thread(self._process, batch)
        return await self._consumer.consume(processed)

    def _process(self, batch: Batch) -> Batch:
        for processor in self._processors:
            batch = processor.process(batch)
        return batch
