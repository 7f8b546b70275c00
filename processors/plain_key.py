"""Keys that are nobody's, learned: most spans have no others, and are passed over at once."""

from __future__ import annotations

from collections.abc import Callable

from tracedata import Attributes
from tracedata.memory import MAX_REMEMBERED_CHARS

MAX_LEARNED_KEYS = 20_000


class PlainKeys:
    """Remembers keys that ``is_marker`` denies."""

    def __init__(self, is_marker: Callable[[str], bool]) -> None:
        self._is_marker = is_marker
        self._plain: set[str] = set()
        self.covers = self._plain.issuperset
        """Whether all keys are known to be nobody's; a quick no is not final."""

    def __len__(self) -> int:
        return len(self._plain)

    def lack_marker(self, attributes: Attributes) -> bool:
        """Whether no key is a marker."""
        plain = self._plain
        for key in attributes:
            if key not in plain:
                if self._is_marker(key):
                    return False
                if len(plain) >= MAX_LEARNED_KEYS:
                    plain.clear()
                if len(key) <= MAX_REMEMBERED_CHARS:
                    plain.add(key)
        return True
