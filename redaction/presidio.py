"""Presidio's pattern recognizers as detectors.

Presidio itself skips a pattern that runs out of time, with a line in the log, and so lets its text pass. Here the same patterns
and checks run with the same meaning, but running out of time is an error, and a word may end where ASCII's letters and digits do.
See docs/adr/0009.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex
from presidio_analyzer import Pattern, PatternRecognizer

from redaction.context import Context
from redaction.detector import Place, in_time
from redaction.finding import Finding

# Presidio's boundary, or one of ASCII's: scripts without spaces, and underlines, stand right beside a value.
_BOUNDARY = r"(?:\b|(?<![0-9A-Za-z])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?![0-9A-Za-z]))"
_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE


class PatternDetector:
    """A ``redaction.detector.Detector`` over the patterns, checks and context words of a Presidio recognizer."""

    def __init__(  # noqa: PLR0913 - each says how one recognizer differs
        self,
        recognizer: PatternRecognizer,
        *,
        triggers: Sequence[bytes],
        reach: int,
        before: str = "",
        is_also_exact: bool = False,
        cut: str = "",
    ) -> None:
        """``before`` is what a value must stand behind; with ``is_also_exact`` the patterns run once more with their case.

        ``cut`` are the signs before which a value may end that the pattern has taken for one with what follows it.
        """
        flags = (_FLAGS, _FLAGS & ~regex.IGNORECASE) if is_also_exact else (_FLAGS,)
        self._recognizer = recognizer
        self._patterns = [
            (regex.compile(f"{before}(?:{_with_boundaries(pattern.regex)})", flag), pattern.score)
            for pattern in _patterns(recognizer)
            for flag in flags
        ]
        self._context = Context(recognizer.context or ())
        self._cut = regex.compile(f"[{cut}]") if cut else None
        self.entity: str = recognizer.supported_entities[0]
        self.triggers = triggers
        self.reach = reach

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        """See ``Detector.find``."""
        return in_time(self.entity, self._found(text, start, end, place))

    def _found(self, text: str, start: int, end: int, place: Place) -> Iterator[Finding]:
        # Patterns often match the same, and the same value often stands in a text more than once.
        known: dict[tuple[str, float], tuple[int, float]] = {}
        for pattern, base in self._patterns:
            position = start
            while (match := pattern.search(text, position, end, timeout=place.remaining())) is not None:
                one = match[0], base
                if one not in known:
                    known[one] = self._longest(*one)
                length, score = known[one]
                position = match.start() + length if score > 0 else max(match.end(), match.start() + 1)
                if score > 0:
                    score = self._context.raised(score, text, match.start(), place)
                    yield Finding(start=match.start(), end=position, entity=self.entity, score=score)

    def _longest(self, value: str, base: float) -> tuple[int, float]:
        """How much of what matched is one, from its beginning, and how surely."""
        score = self._score(value, base) if value else 0.0
        if score > 0 or self._cut is None:
            return len(value), score
        for sign in reversed(list(self._cut.finditer(value))):
            score = self._score(value[: sign.start()], base)
            if score > 0:
                return sign.start(), score
        return 0, 0.0

    def _score(self, value: str, base: float) -> float:
        is_valid = self._recognizer.validate_result(value)
        if is_valid is not None:
            base = 1.0 if is_valid else 0.0
        return 0.0 if self._recognizer.invalidate_result(value) else base


def _patterns(recognizer: PatternRecognizer) -> Sequence[Pattern]:
    # The library does not say of what its list is.
    patterns: Sequence[Pattern] = recognizer.patterns  # type: ignore[has-type]
    return patterns


def _with_boundaries(pattern: str) -> str:
    """The pattern, which finds what it found and more. Nothing but boundaries is written so in Presidio's patterns."""
    return pattern.replace(r"\b", _BOUNDARY)
