"""Answers that go on for long end when whoever asked goes away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

from starlette.types import Receive


async def while_asked(answer: Coroutine[None, None, None], receive: Receive, *, is_sent: Callable[[], bool]) -> None:
    """Does the work of an answer, and gives it up when whoever asked goes away before all of it is sent."""
    # A task of its own, since the server cancels whatever is awaited, again and again, where a reader has left.
    work = asyncio.create_task(answer, name="answer")
    gone = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        # A server says so too when all is sent; what is left then is to give the connection back.
        if not is_sent():
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def _gone(receive: Receive) -> None:
    """Returns when whoever asked has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
