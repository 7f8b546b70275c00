"""Runs what has to end in order, whoever asks it to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """In the block, SIGTERM and SIGHUP end the program as Ctrl-C does: what is open is closed, and what is half done taken away.

    A signal that was ignored when we were started stays so.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    taken = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    try:
        for number in taken:
            signal.signal(number, _leave)
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> None:
    # As a shell tells of who was ended by a signal.
    raise SystemExit(128 + number)


# ``Any``: nobody sends to a coroutine that is only awaited.
def run_until_stopped(job: Coroutine[Any, Any, _Result]) -> _Result | None:
    """Runs the job; the first SIGINT, SIGTERM or SIGHUP cancels it, at any point of it, so that it can end in order.

    Later ones change nothing, because the end takes a bounded time, and leaving it would lose what it is there to keep.
    A signal that was ignored when we were started stays so: ``nohup`` does that.

    None when it was stopped.
    """
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_cancelled_once(job))
    return None


async def _cancelled_once(job: Coroutine[Any, Any, _Result]) -> _Result:
    task = asyncio.ensure_future(job)
    is_stopping = False

    def stop() -> None:
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            task.cancel()

    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop)
    return await task
