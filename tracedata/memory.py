"""What is remembered of texts that senders choose: bounded in number, and in size, since a key or a name can have a megabyte."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

_Answer = TypeVar("_Answer")

MAX_REMEMBERED_CHARS = 256


def remembered(most: int) -> Callable[[Callable[[str], _Answer]], Callable[[str], _Answer]]:
    """Remembers what a function says of the texts that came last, at most so many; of long ones it is asked each time."""

    def decorate(function: Callable[[str], _Answer]) -> Callable[[str], _Answer]:
        known = lru_cache(most)(function)

        @wraps(function)
        def told(text: str) -> _Answer:
            return known(text) if len(text) <= MAX_REMEMBERED_CHARS else function(text)

        return told

    return decorate
