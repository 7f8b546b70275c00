"""Waiting for what other processes do, always with a deadline. Nothing here can be awaited: it is not our process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_POLL_S = 0.02
_Result = TypeVar("_Result")


def wait_until(condition: Callable[[], _Result], what: str, *, timeout_s: float = 30.0) -> _Result:
    """The first truthy result of ``condition``; fails the test, naming ``what``, when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(_POLL_S)
