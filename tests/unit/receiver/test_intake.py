"""Large requests are taken in slices, and nothing of that shows in the answer."""

from __future__ import annotations

import asyncio

import pytest

from receiver.intake import Intake
from receiver.signal import TRACES, Encoding
from tests.support.recording_consumer import RecordingConsumer
from tests.support.span_message import as_json, request_of, span_message
from tracedata import RetryableError

_COUNT = 4_500
_PROTOBUF, _JSON = TRACES.protobuf, TRACES.json
_ENCODINGS = [pytest.param(_PROTOBUF, id="protobuf"), pytest.param(_JSON, id="json")]


def _request(encoding: Encoding, *, padding: str = "") -> bytes:
    spans = [span_message(name=f"{number}{padding}") for number in range(_COUNT)]
    spans[7].span_id = b""
    spans[-1].trace_id = b""
    request = request_of(*spans)
    return as_json(request) if encoding is _JSON else request.SerializeToString()


def _intake(consumer: RecordingConsumer, decoding: asyncio.Lock | None = None) -> Intake:
    return Intake(consumer, decoding=decoding or asyncio.Lock(), workspace_id=1)


@pytest.mark.parametrize("padding", ["", "x" * 200], ids=["small", "large"])
@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_slices_hold_every_span_in_order(encoding: Encoding, padding: str) -> None:
    consumer = RecordingConsumer()

    receipt = await _intake(consumer).accept(_request(encoding, padding=padding), encoding)

    expected = [f"{number}{padding}" for number in range(_COUNT - 1) if number != 7]
    assert [span.name for span in consumer.spans] == expected
    assert [len(batch.spans) for batch in consumer.batches] == [1000, 1000, 1000, 1000, 498]
    assert receipt.accepted == _COUNT - 2
    assert receipt.rejections == {"invalid_span_id": 1, "invalid_trace_id": 1}


@pytest.mark.parametrize("encoding", _ENCODINGS)
async def test_a_slice_that_fails_fails_the_request(encoding: Encoding) -> None:
    consumer = RecordingConsumer()
    consumer.error = RetryableError("away")

    with pytest.raises(RetryableError, match="away"):
        await _intake(consumer).accept(_request(encoding), encoding)

    assert not consumer.batches


async def test_others_have_their_turn_while_a_large_request_is_decoded() -> None:
    consumer = RecordingConsumer()
    intake = _intake(consumer)
    large = asyncio.create_task(intake.accept(_request(_PROTOBUF, padding="x" * 200), _PROTOBUF))
    await consumer.stored.wait()

    await intake.accept(request_of(span_message(name="small")).SerializeToString(), _PROTOBUF)

    assert not large.done()
    await large
    assert len(consumer.spans) == _COUNT - 1


async def test_large_requests_are_decoded_one_at_a_time() -> None:
    consumer = RecordingConsumer()
    decoding = asyncio.Lock()
    intake = _intake(consumer, decoding)
    async with decoding:
        large = asyncio.create_task(intake.accept(_request(_PROTOBUF, padding="x" * 200), _PROTOBUF))
        await intake.accept(request_of(span_message(name="small")).SerializeToString(), _PROTOBUF)
        assert [span.name for span in consumer.spans] == ["small"]

    assert (await large).accepted == _COUNT - 2
