"""JSON Lines: one object a line, as the REST API shows it, without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

import msgspec

_T = TypeVar("_T")


class Lines(Generic[_T]):
    """See ``Form``."""

    def __init__(self, represent: Callable[[Sequence[_T]], Iterable[msgspec.Struct]]) -> None:
        self._represent = represent
        self._encode = msgspec.json.Encoder().encode

    def begin(self) -> bytes:
        return b""

    def encode(self, items: Sequence[_T]) -> bytes:
        # One by one, so that other threads have their turn.
        return b"".join([self._encode(shown) + b"\n" for shown in self._represent(items)])

    def end(self) -> bytes:
        return b""
