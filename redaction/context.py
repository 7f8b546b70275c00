"""Words that make a weak pattern a sure one: in the attribute's key, or shortly before what was found.

The rule is that of Presidio's LemmaContextAwareEnhancer, with whole words instead of substrings, so that ``lic`` is not
found in ``public``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from redaction.detector import Place
from redaction.key_name import without_placeholders

_GAIN = 0.35
_LEAST = 0.4
# About five words.
_CHARS_BEFORE = 60


class Context:
    """The context words of one entity."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = (
            re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, words))})s?(?![^\W_])", re.IGNORECASE)
            if words
            else None
        )

    def raised(self, score: float, text: str, start: int, place: Place) -> float:
        """The score of something found at ``start``, after context."""
        if score >= 1.0 or not self.is_around(text, start, place):
            return score
        return min(1.0, max(score + _GAIN, _LEAST))

    def is_around(self, text: str, start: int, place: Place) -> bool:
        if self._words is None:
            return False
        if place.words and self._words.search(place.words):
            return True
        return self._words.search(_before(text, start)) is not None


# The rest of a placeholder whose beginning is too far away to be seen.
_REST = re.compile(r"[A-Z0-9_]+(?::[^<>\s]*)?>")


def _before(text: str, start: int) -> str:
    first = max(0, start - _CHARS_BEFORE)
    before = text[first:start]
    if ">" not in before:
        return before
    rest = _REST.match(before) if first else None
    return without_placeholders(before[rest.end() :] if rest else before)
