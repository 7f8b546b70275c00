"""Hands decoded batches to the consumer, for both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver import otlp_json, protobuf
from receiver.status import rejection_message
from receiver.wire import DEFAULT_MAX_OBJECTS, check_json, check_protobuf
from tracedata import UNOBSERVED, Batch, Consumer, Receipt, ReceiverInstruments

Decode: TypeAlias = Callable[[bytes, int], Batch]
# Takes the bytes and the largest number of objects in them; raises when there are more.
Check: TypeAlias = Callable[[bytes, int], None]


class Encoding(msgspec.Struct, frozen=True, kw_only=True):
    """How bytes are read, and what is looked at before that."""

    check: Check
    decode: Decode


PROTOBUF = Encoding(check=check_protobuf, decode=protobuf.decode_traces)
JSON = Encoding(check=check_json, decode=otlp_json.decode_traces)


class Intake:
    """Decodes requests of one workspace and waits until their spans are durable.

    A sender that goes away does not cancel the consumer: others may wait for the same commit.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        workspace_id: int,
        max_objects: int = DEFAULT_MAX_OBJECTS,
        transport: str = "grpc",
        instruments: ReceiverInstruments = UNOBSERVED,
    ) -> None:
        self._consumer = consumer
        self._transport = transport
        self._instruments = instruments
        self._workspace_id = workspace_id
        self._max_objects = max_objects
        self._running: set[asyncio.Task[Receipt]] = set()

    async def accept(self, data: bytes, encoding: Encoding) -> Receipt:
        """What became of the spans in ``data``, those that did not decode included.

        Raises:
            TooLargeError: there is more in the bytes than is decoded at a time.
            DecodeFailedError: the bytes are not of that encoding.
            RetryableError, PermanentError: from the consumer.
        """
        with self._instruments.request(transport=self._transport, size=len(data)) as request:
            encoding.check(data, self._max_objects)
            batch = encoding.decode(data, self._workspace_id)
            # Neither the bytes nor the spans are kept while the rows wait for their commit.
            del data
            request.decoded(batch)
            pending = self._store(batch)
            del batch
            receipt = await pending
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
        # Waiting can take long, and these are large; whoever still needs them has them.
        del batch
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
