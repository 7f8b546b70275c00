"""A thread for one destination that blocks: a disk that is slow, a pipe that nobody reads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeAlias

_Job: TypeAlias = "tuple[Callable[[], None], asyncio.Future[None], asyncio.AbstractEventLoop]"


class Thread:
    """Does one job after the other. Unlike those of a pool, it is not waited for when the process ends."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[], None]) -> None:
        """Waits for the job, and raises what it raises. When the waiting is cancelled, the job may still be done."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._jobs.put((job, future, loop))
        await future

    def stop(self) -> None:
        """The thread ends after what it was given."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (given := self._jobs.get()) is not None:
            job, future, loop = given
            error: Exception | None = None
            try:
                job()
            except Exception as exc:  # noqa: BLE001 - told to whoever waits
                error = exc
            # A loop that is closed has nobody who waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, future, error)


def _settle(future: asyncio.Future[None], error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
