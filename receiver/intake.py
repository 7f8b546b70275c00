"""Hands decoded batches to the consumer, for both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver.status import rejection_message
from tracedata import UNOBSERVED, Batch, Consumer, Receipt, ReceiverInstruments

Decode: TypeAlias = Callable[[bytes, int], Batch]


class Intake:
    """Decodes requests of one workspace and waits until their spans are durable.

    A sender that goes away does not cancel the consumer: others may wait for the same commit.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        workspace_id: int,
        transport: str = "grpc",
        instruments: ReceiverInstruments = UNOBSERVED,
    ) -> None:
        self._consumer = consumer
        self._transport = transport
        self._instruments = instruments
        self._workspace_id = workspace_id
        self._running: set[asyncio.Task[Receipt]] = set()

    async def accept(self, data: bytes, decode: Decode) -> Receipt:
        """What became of the spans in ``data``, those that did not decode included.

        Raises:
            DecodeFailedError: the bytes are not what ``decode`` reads.
            RetryableError, PermanentError: from the consumer.
        """
        with self._instruments.request(transport=self._transport, size=len(data)) as request:
            batch = decode(data, self._workspace_id)
            request.decoded(batch)
            receipt = await self._store(batch)
            request.accepted(receipt)
        return receipt

    def refused(self, code: str) -> None:
        """Counts a request that is answered with an error; ``code`` is gRPC's name or HTTP's number."""
        self._instruments.refused(transport=self._transport, code=code)

    async def _store(self, batch: Batch) -> Receipt:
        if not batch.spans:
            # Nothing needs to become durable, so this succeeds even while the store is away.
            return Receipt(accepted=0, rejections=batch.rejections)
        task = asyncio.ensure_future(self._consumer.consume(batch))
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

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


def response_of(receipt: Receipt) -> ExportTraceServiceResponse:
    """The answer to an export: ``partial_success`` is set only when something was rejected, as OTLP demands."""
    response = ExportTraceServiceResponse()
    if receipt.rejected:
        response.partial_success.rejected_spans = receipt.rejected
        response.partial_success.error_message = rejection_message(receipt.rejections)
    return response
