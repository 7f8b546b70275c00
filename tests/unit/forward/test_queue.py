from __future__ import annotations

import asyncio

import pytest

from relayscope.forward.parcel import Parcel, Piece
from relayscope.forward.queue import QueueConfig, SendingQueue
from tracedata import SignalName


def _piece(size: int = 10, *, signal: SignalName = "traces", items: int = 1) -> Piece:
    return Piece(signal=signal, data=b"x" * size, items=items)


def _queue(*, max_items: int = 100, max_bytes: int = 1000, max_request_bytes: int = 100) -> SendingQueue:
    return SendingQueue(QueueConfig(max_items=max_items, max_bytes=max_bytes, max_request_bytes=max_request_bytes))


async def _taken(queue: SendingQueue) -> list[Parcel]:
    """Everything, to the end."""
    queue.close()
    parcels = []
    while (parcel := await queue.take()) is not None:
        parcels.append(parcel)
    return parcels


async def test_what_waits_travels_together_as_far_as_a_request_may_go() -> None:
    queue = _queue(max_request_bytes=100)
    for size in (40, 40, 40, 300, 10):
        assert queue.put(_piece(size))
    assert [[len(piece.data) for piece in parcel.pieces] for parcel in await _taken(queue)] == [
        [40, 40],
        [40],
        [300],
        [10],
    ]


async def test_a_request_has_one_signal_and_the_order_is_kept() -> None:
    queue = _queue()
    signals: list[SignalName] = ["traces", "traces", "logs", "traces"]
    for signal in signals:
        queue.put(_piece(signal=signal))
    assert [(one.signal, one.items) for one in await _taken(queue)] == [("traces", 2), ("logs", 1), ("traces", 1)]


@pytest.mark.parametrize(
    ("queue", "room"), [(_queue(max_items=3), 3), (_queue(max_bytes=45), 4)], ids=["items", "bytes"]
)
async def test_what_is_under_way_takes_room_until_it_is_done(queue: SendingQueue, room: int) -> None:
    assert [queue.put(_piece()) for _ in range(6)].count(True) == room
    parcel = await queue.take()
    assert parcel is not None
    assert not queue.put(_piece())
    queue.done(parcel)
    assert (queue.items, queue.size) == (0, 0)
    assert queue.put(_piece())


async def test_an_empty_queue_takes_what_is_larger_than_itself() -> None:
    queue = _queue(max_bytes=5, max_items=1)
    assert queue.put(_piece(50, items=7))
    assert not queue.put(_piece(1))


async def test_who_waits_is_woken_by_the_first_piece_and_by_the_end() -> None:
    queue = _queue()
    waiting = [asyncio.create_task(queue.take()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.put(_piece())
    queue.close()
    found = await asyncio.gather(*waiting)
    assert sorted(0 if parcel is None else parcel.items for parcel in found) == [0, 1]
    assert not queue.put(_piece())
