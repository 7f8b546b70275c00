"""Hands decoded batches to the consumer, for both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from receiver.signal import Encoding
from receiver.wire import DEFAULT_MAX_OBJECTS
from tracedata import UNOBSERVED, Batch, Consumer, Receipt, ReceiverInstruments, RequestProbe

# Requests beyond this are decoded one at a time and in a thread. Batches of SDKs are smaller.
_LARGE_BYTES = 512 * 1024
# How many spans or log records are decoded, processed and encoded before others get their turn: a few tens of milliseconds of work.
_MAX_ITEMS = 1000
# How many slices of a request wait for their commit. Together they fill a group of the writer.
_MAX_WAITING = 20


_Store: TypeAlias = "asyncio.Task[Receipt]"
# Runs a step of decoding: here, or in a thread.
_Step: TypeAlias = Callable[..., Awaitable[Batch | None]]


class Intake:
    """Decodes requests of one workspace and waits until what they bring is durable.

    A request is taken in slices, so that a large one neither keeps others waiting nor exists in all of its forms at once.
    When one slice fails the request does, and its sender repeats the others, too, which does no harm.

    A sender that goes away does not cancel the consumer: others may wait for the same commit.
    """

    def __init__(  # noqa: PLR0913  # All of them by name.
        self,
        consumer: Consumer,
        *,
        decoding: asyncio.Lock,
        workspace_id: int,
        max_objects: int = DEFAULT_MAX_OBJECTS,
        transport: str = "grpc",
        instruments: ReceiverInstruments = UNOBSERVED,
    ) -> None:
        self._consumer = consumer
        self._decoding = decoding
        self._transport = transport
        self._instruments = instruments
        self._workspace_id = workspace_id
        self._max_objects = max_objects
        self._running: set[asyncio.Task[Receipt]] = set()

    async def accept(self, data: bytes, encoding: Encoding) -> Receipt:
        """What became of the spans, or log records, in ``data``, those that did not decode included.

        Raises:
            TooLargeError: there is more in the bytes than is decoded at a time.
            DecodeFailedError: the bytes are not of that encoding.
            RetryableError, PermanentError: from the consumer.
        """
        with self._instruments.request(transport=self._transport, signal=encoding.signal, size=len(data)) as request:
            if len(data) <= _LARGE_BYTES:
                encoding.check(data, self._max_objects)
                batches = encoding.decode(data, self._workspace_id, max_items=_MAX_ITEMS)
                # Neither the bytes nor what they bring is kept while the rows wait for their commit.
                del data
                stores = await self._deliver(batches, request, step=_at_once)
            else:
                async with self._decoding:
                    await asyncio.to_thread(encoding.check, data, self._max_objects)
                    batches = encoding.decode(data, self._workspace_id, max_items=_MAX_ITEMS)
                    del data
                    stores = await self._deliver(batches, request, step=asyncio.to_thread)
            del batches
            receipt = await _outcome(stores)
            request.accepted(receipt)
        return receipt

    async def _deliver(self, batches: Iterator[Batch], request: RequestProbe, *, step: _Step) -> list[_Store]:
        """Hands over slice after slice until one fails, and returns when the last one waits for its commit."""
        stores: list[_Store] = []
        while (batch := await step(next, batches, None)) is not None:
            if not stores:
                request.decoded(batch)
            stores.append(self._store(batch))
            # Waiting can take long, and these are large; whoever still needs them has them.
            del batch
            # Until it is encoded. Others have their turn, too.
            await asyncio.sleep(0)
            waiting = [store for store in stores if not store.done()]
            while len(waiting) >= _MAX_WAITING:
                _, still = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                waiting = list(still)
            if any(store.done() and store.exception() for store in stores):
                break
        return stores

    def _store(self, batch: Batch) -> _Store:
        # Without any, nothing needs to become durable, so this succeeds even while the store is away.
        work = self._consumer.consume(batch) if batch.spans or batch.log_records else _nothing(batch.rejections)
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    def refused(self, code: str) -> None:
        """Counts a request that is answered with an error; ``code`` is gRPC's name or HTTP's number."""
        self._instruments.refused(transport=self._transport, code=code)

    async def drain(self, timeout_s: float) -> None:
        """Waits for what the consumer still works on; cancels what takes longer."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=timeout_s)
        for task in late:
            task.cancel()

    def _forget(self, task: asyncio.Task[Receipt]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Reading the error tells asyncio that it was seen, also when the sender is gone.
            task.exception()


async def _at_once(
    work: Callable[[Iterator[Batch], None], Batch | None], batches: Iterator[Batch], end: None
) -> Batch | None:
    return work(batches, end)


async def _nothing(rejections: Mapping[str, int]) -> Receipt:
    return Receipt(accepted=0, rejections=rejections)


async def _outcome(stores: Sequence[_Store]) -> Receipt:
    """What became of all slices; the error of the first one that has any."""
    # Unlike gathering, this cancels none of them when it is cancelled.
    await asyncio.wait(stores)
    receipts = [store.result() for store in stores]
    rejections: dict[str, int] = {}
    for receipt in receipts:
        for reason, count in receipt.rejections.items():
            rejections[reason] = rejections.get(reason, 0) + count
    return Receipt(accepted=sum(receipt.accepted for receipt in receipts), rejections=rejections)
