"""Counts of what was replaced."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NOTHING: Mapping[str, int] = {}


class Redacted(msgspec.Struct, frozen=True):
    """A text after redaction, and how many values of each entity were replaced in it."""

    text: str
    entities: Mapping[str, int] = NOTHING


class Tally:
    """Adds up what was replaced, by entity, and by the key under which it stood."""

    __slots__ = ("entities", "keys")

    def __init__(self) -> None:
        self.entities: dict[str, int] = {}
        self.keys: dict[str, dict[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.entities)

    def add(self, key: str, entities: Mapping[str, int]) -> None:
        """Counts what was replaced in one text below ``key``."""
        below = self.keys.setdefault(key, {})
        for entity, count in entities.items():
            self.entities[entity] = self.entities.get(entity, 0) + count
            below[entity] = below.get(entity, 0) + count
