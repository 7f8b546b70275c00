"""Rules of ours as detectors: an expression, and a check of what it matched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
import regex

from redaction.context import Context
from redaction.detector import Place, in_time
from redaction.finding import Finding


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule looks for. ``triggers`` and ``reach`` are those of ``Detector``; ``context`` are words that raise a score.

    ``flags`` are those of the package ``regex``.
    """

    entity: str
    triggers: Sequence[bytes]
    reach: int
    pattern: str
    flags: int = 0
    context: Sequence[str] = ()


# Where something starts and ends, and its score.
Part = tuple[int, int, float]


def whole(check: Callable[[regex.Match[str], Place], float]) -> Callable[[regex.Match[str], Place], Sequence[Part]]:
    """A search that takes all of a match or nothing; ``check`` gives the score (0: not one)."""

    def search(match: regex.Match[str], place: Place) -> Sequence[Part]:
        score = check(match, place)
        return ((match.start(), match.end(), score),) if score > 0 else ()

    return search


class RuleDetector:
    """A detector over a rule, and a search for the parts of what it matched that are something. Parts may overlap."""

    def __init__(self, rule: Rule, search: Callable[[regex.Match[str], Place], Iterable[Part]]) -> None:
        self.entity = rule.entity
        self.triggers = rule.triggers
        self.reach = rule.reach
        self._pattern = regex.compile(rule.pattern, rule.flags)
        self._search = search
        self._context = Context(rule.context)

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        """See ``Detector.find``."""
        return in_time(self.entity, self._found(text, start, end, place))

    def _found(self, text: str, start: int, end: int, place: Place) -> Iterator[Finding]:
        for match in self._pattern.finditer(text, start, end, timeout=place.remaining()):
            for first, last, score in self._search(match, place):
                raised = self._context.raised(score, text, first, place)
                yield Finding(start=first, end=last, entity=self.entity, score=raised)
