"""Runs what has to end in order, whoever asks it to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


# ``Any``: nobody sends to a coroutine that is only awaited.
def run_until_stopped(job: Coroutine[Any, Any, _Result]) -> _Result | None:
    """Runs the job; the first SIGINT or SIGTERM cancels it, at any point of it, so that it can end in order.

    None when it was stopped.
    """
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        return asyncio.run(_cancelled_by_sigterm(job))
    return None


async def _cancelled_by_sigterm(job: Coroutine[Any, Any, _Result]) -> _Result:
    """Does for SIGTERM what ``asyncio.run`` does for SIGINT."""
    task = asyncio.ensure_future(job)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
