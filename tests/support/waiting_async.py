"""Waiting within an event loop, with a deadline, for what has no event of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_POLL_S = 0.01


async def until(condition: Callable[[], object], what: str, *, timeout_s: float = 30.0) -> None:
    """Returns when the condition holds; fails the test, naming ``what``, when it does not in time."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_s:.0f} s: {what}") from None
