"""What a worker takes on at a time, over all its transports. Beyond that, requests are refused as retryable.

The question is asked before a body is read where its size is known, and again as it grows, so that a crowd of large
requests costs what was admitted and not what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import msgspec

from tracedata import RetryableError

DEFAULT_MAX_BYTES = 32 * 1024 * 1024
DEFAULT_MAX_REQUESTS = 1024
DEFAULT_READ_TIMEOUT_S = 30.0

# gRPC does not tell the size of what it is about to read, so few calls read at a time. One that takes longer than a
# moment gives its turn back and goes on among the slow ones, of which there are few as well: senders that stall hold up
# nobody but each other.
_MAX_PROMPT_READS = 2
_MAX_SLOW_READS = 4
_PROMPT_S = 0.1


class AdmissionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one worker: bytes of requests that are not decoded yet or not answered, and how many requests."""

    max_bytes: int = DEFAULT_MAX_BYTES
    max_requests: int = DEFAULT_MAX_REQUESTS
    read_timeout_s: float = DEFAULT_READ_TIMEOUT_S


class BusyError(RetryableError):
    """There is no room for the request now."""


class SlowSenderError(RetryableError):
    """The request did not arrive in time. Retryable, because the network may be at fault."""


class Admission:
    """The budget that the transports of one worker share. Not for several threads."""

    def __init__(self, config: AdmissionConfig) -> None:
        self._config = config
        self._bytes = 0
        self._requests = 0
        self._prompt_reads = asyncio.Semaphore(_MAX_PROMPT_READS)
        self._slow_reads = 0
        self.decoding = asyncio.Lock()
        """Held while a large request is decoded, since it takes several times its size until then."""

    @property
    def held_bytes(self) -> int:
        """Bytes of the requests under way."""
        return self._bytes

    @property
    def held_requests(self) -> int:
        """How many requests are under way."""
        return self._requests

    @property
    def read_timeout_s(self) -> float:
        """How long a body may take to arrive."""
        return self._config.read_timeout_s

    @contextlib.contextmanager
    def admit(self) -> Iterator[Hold]:
        """Takes on one request, which holds nothing yet, for as long as the context lasts.

        Raises:
            BusyError: there are too many.
        """
        if self._requests >= self._config.max_requests or self._bytes >= self._config.max_bytes:
            raise _busy()
        self._requests += 1
        hold = Hold(self)
        try:
            yield hold
        finally:
            self._requests -= 1
            self._bytes -= hold.size

    def room_beside(self, size: int) -> int:
        """How many bytes a request may hold that holds ``size`` now. One that is alone may hold any number."""
        others = self._bytes - size
        return self._config.max_bytes - others if others else 1 << 62

    def change(self, size: int) -> None:
        """Counts bytes that a request holds more, or less."""
        self._bytes += size

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A turn to read a message of unknown size.

        Raises:
            SlowSenderError: the context did not end in time.
            BusyError: it took longer than a moment, and too many others do so already.
        """
        await self._prompt_reads.acquire()
        turn = _Turn()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._config.read_timeout_s) as deadline:
                timer = loop.call_later(_PROMPT_S, self._slow_down, turn, deadline)
                try:
                    yield
                finally:
                    timer.cancel()
        except TimeoutError as exc:
            raise (_busy() if turn.is_refused else SlowSenderError("The request did not arrive in time.")) from exc
        finally:
            if turn.is_slow:
                self._slow_reads -= 1
            elif not turn.is_refused:
                self._prompt_reads.release()

    def _slow_down(self, turn: _Turn, deadline: asyncio.Timeout) -> None:
        self._prompt_reads.release()
        if self._slow_reads >= _MAX_SLOW_READS:
            turn.is_refused = True
            deadline.reschedule(asyncio.get_running_loop().time())
            return
        turn.is_slow = True
        self._slow_reads += 1


class Hold:
    """What one request holds of the budget."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._arrived = 0
        self.size = 0

    @property
    def room(self) -> int:
        """How many bytes this request may hold in all."""
        return self._admission.room_beside(self.size)

    def resize(self, size: int) -> None:
        """Holds ``size`` bytes from now on.

        Raises:
            BusyError: there is no room for as many; what was held is still held.
        """
        if size > self.size and size > self.room:
            raise _busy()
        self._admission.change(size - self.size)
        self.size = size

    def arrive(self, size: int) -> None:
        """Says that ``size`` bytes have arrived so far, which are held at least.

        Raises:
            BusyError: see ``resize``.
        """
        self._arrived = size
        if size > self.size:
            self.resize(size)

    def lapse(self) -> None:
        """Gives back what was announced and has not arrived, so that a slow sender keeps no room from others."""
        self.resize(self._arrived)


class _Turn:
    """Whether a read has taken longer than a moment, and what came of that."""

    __slots__ = ("is_refused", "is_slow")

    def __init__(self) -> None:
        self.is_slow = False
        self.is_refused = False


def _busy() -> BusyError:
    return BusyError("The server has too much under way; try again.")
