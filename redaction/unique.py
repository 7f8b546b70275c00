"""Names that must stay apart, though they were redacted to the same."""

from __future__ import annotations

from redaction.layer import Layer


class UniqueNames:
    """The names of one map: the second one that would be the same gets a number, as in ``<EMAIL_ADDRESS>#2``."""

    __slots__ = ("_next", "_taken")

    def __init__(self) -> None:
        self._taken: set[str] = set()
        # So that the numbers need not be tried again from the first one on.
        self._next: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def add(self, name: str) -> str:
        """Takes a name, and says what it is called."""
        unique, number = name, self._next.get(name, 2)
        while unique in self._taken:
            unique, number = f"{name}#{number}", number + 1
        self._next[name] = number
        self._taken.add(unique)
        return unique


class MemberNames:
    """The names of the objects of one JSON text. Those that were the same before stay so: that is how they were sent."""

    def __init__(self) -> None:
        self._of: dict[int, UniqueNames] = {}
        self._changed: set[tuple[int, str]] = set()

    def apart(self, layer: Layer, after: str) -> str:
        """What stands for a layer, when ``after`` is what became of it: something else only for a name that is taken."""
        if layer.object is None:
            return after
        names = self._of.setdefault(layer.object, UniqueNames())
        if after == layer.text and (layer.object, after) not in self._changed and after in names:
            return after
        unique = names.add(after)
        if unique != layer.text:
            self._changed.add((layer.object, unique))
        return unique
