"""Rules of ours as detectors: an expression, and a check of what it matched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
import regex

from redaction.context import Context
from redaction.detector import DetectionError, Place
from redaction.finding import Finding


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule looks for. ``triggers`` and ``reach`` are those of ``Detector``; ``context`` are words that raise a score."""

    entity: str
    triggers: Sequence[bytes]
    reach: int
    pattern: str
    context: Sequence[str] = ()


class RuleDetector:
    """A detector over a rule, and a check of what it matched that gives the score (0: not one)."""

    def __init__(self, rule: Rule, check: Callable[[regex.Match[str], Place], float]) -> None:
        self.entity = rule.entity
        self.triggers = rule.triggers
        self.reach = rule.reach
        self._pattern = regex.compile(rule.pattern)
        self._check = check
        self._context = Context(rule.context)

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        """See ``Detector.find``."""
        try:
            return list(self._found(text, start, end, place))
        except TimeoutError as exc:
            raise DetectionError(f"{self.entity} ran out of time") from exc

    def _found(self, text: str, start: int, end: int, place: Place) -> Iterator[Finding]:
        for match in self._pattern.finditer(text, start, end, timeout=place.remaining()):
            score = self._check(match, place)
            if score > 0:
                score = self._context.raised(score, text, match.start(), place)
                yield Finding(start=match.start(), end=match.end(), entity=self.entity, score=score)
