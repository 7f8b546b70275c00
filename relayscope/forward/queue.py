"""A queue with bounds in items and bytes. What comes when it is full is refused, as the Collector does."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from relayscope.forward.parcel import Parcel, Piece


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``max_request_bytes`` bounds what is taken at a time, unless one piece is larger."""

    max_items: int
    max_bytes: int
    max_request_bytes: int


class SendingQueue:
    """Pieces in their order. What was taken counts until it is ``done``, so the bounds are those of all that is held."""

    def __init__(self, config: QueueConfig) -> None:
        self._config = config
        self._waiting: deque[Piece] = deque()
        self._arrived = asyncio.Event()
        self._is_closed = False
        self.items = 0
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Whether not even the smallest piece has room."""
        return self.items >= self._config.max_items or self.size >= self._config.max_bytes

    def put(self, piece: Piece) -> bool:
        """False when there is no room for it. An empty queue has room for any piece, or some would never be sent."""
        has_room = (
            self.items + piece.items <= self._config.max_items and self.size + len(piece.data) <= self._config.max_bytes
        )
        if self._is_closed or not (has_room or not self.items):
            return False
        self._waiting.append(piece)
        self.items += piece.items
        self.size += len(piece.data)
        self._arrived.set()
        return True

    async def take(self) -> Parcel | None:
        """The oldest pieces of one signal that fit together, as soon as there are any; nothing once closed and empty."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        taken = [self._waiting.popleft()]
        signal, size = taken[0].signal, len(taken[0].data)
        while self._waiting and self._waiting[0].signal == signal:
            size += len(self._waiting[0].data)
            if size > self._config.max_request_bytes:
                break
            taken.append(self._waiting.popleft())
        return Parcel(signal=signal, pieces=taken)

    def done(self, parcel: Parcel) -> None:
        """It was sent or given up, and is held no more."""
        self.items -= parcel.items
        self.size -= parcel.size

    def close(self) -> None:
        """Takes nothing more; what waits can still be taken."""
        self._is_closed = True
        self._arrived.set()

    def clear(self) -> list[Piece]:
        """Takes out what waits, for good."""
        left = [*self._waiting]
        self._waiting.clear()
        self.items -= sum(piece.items for piece in left)
        self.size -= sum(len(piece.data) for piece in left)
        return left
