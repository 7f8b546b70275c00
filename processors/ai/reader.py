"""Reads attributes along paths; what has to be decoded on the way is decoded once."""

from __future__ import annotations

from collections.abc import Iterator

from processors.ai.decoding import as_count, as_number, as_text, as_truth, decoded, inside
from processors.ai.detection import Path, Paths
from tracedata import Attributes


class Reader:
    """The attributes of one span, or of one log record."""

    __slots__ = ("_decoded", "attributes")

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self._decoded: dict[str, object] = {}

    def value(self, path: Path) -> object:
        """What stands at ``path``; undecoded when it is an attribute itself."""
        key, steps = path
        return inside(self.decoded(key), steps) if steps else self.attributes.get(key)

    def decoded(self, key: str) -> object:
        """The attribute as what it says."""
        known = self._decoded
        if key not in known:
            known[key] = decoded(self.attributes.get(key))
        return known[key]

    def found(self, path: Path) -> object:
        """What stands at ``path``, decoded."""
        key, steps = path
        return decoded(inside(self.decoded(key), steps)) if steps else self.decoded(key)

    def texts(self, paths: Paths) -> Iterator[str]:
        """Every text at one of the paths that is not absent."""
        for path in paths:
            if text := as_text(self.value(path)):
                yield text

    def text(self, paths: Paths) -> str:
        """The first text at one of the paths that is not absent."""
        attributes = self.attributes
        for key, steps in paths:
            value = inside(self.decoded(key), steps) if steps else attributes.get(key)
            if value is not None and (text := as_text(value)):
                return text
        return ""

    def count(self, paths: Paths) -> int | None:
        """The first number of tokens at one of the paths."""
        for path in paths:
            count = as_count(self.value(path))
            if count is not None:
                return count
        return None

    def number(self, paths: Paths) -> float | None:
        for path in paths:
            number = as_number(self.value(path))
            if number is not None:
                return number
        return None

    def truth(self, paths: Paths) -> bool | None:
        for path in paths:
            truth = as_truth(self.value(path))
            if truth is not None:
                return truth
        return None
