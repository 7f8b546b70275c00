"""Counts of what was replaced."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NOTHING: Mapping[str, int] = {}


class Redacted(msgspec.Struct, frozen=True):
    """A text after redaction, and how many values of each entity were replaced in it."""

    text: str
    entities: Mapping[str, int] = NOTHING


def add_up(total: dict[str, int], entities: Mapping[str, int]) -> None:
    """Adds counts by entity to ``total``."""
    for entity, count in entities.items():
        total[entity] = total.get(entity, 0) + count


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
        add_up(self.entities, entities)
        add_up(self.keys.setdefault(key, {}), entities)
