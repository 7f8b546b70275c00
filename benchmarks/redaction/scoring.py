"""What redaction covered of what it should have covered.

Nothing here asks a detector: what was covered is read off the redacted text, as whoever gets to see it would.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

import msgspec

from redaction.operator import PLACEHOLDER


class Stretch(msgspec.Struct, frozen=True):
    """Characters ``start`` to ``end`` (excluded) are an ``entity``."""

    start: int
    end: int
    entity: str


class Labelled(msgspec.Struct, frozen=True):
    """A text, and all personal data in it."""

    text: str
    stretches: Sequence[Stretch]


class Score(msgspec.Struct):
    """Counts of one entity. ``covered``: of what there is, what is gone to the last letter and digit, under whatever name.

    ``right``: of what was replaced under this name, what touches something that has this name.
    """

    total: int = 0
    covered: int = 0
    replaced: int = 0
    right: int = 0
    missed: list[str] = msgspec.field(default_factory=list)
    wrong: list[str] = msgspec.field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.covered / self.total if self.total else 0.0

    @property
    def precision(self) -> float:
        return self.right / self.replaced if self.replaced else 1.0


def replaced_stretches(text: str, after: str) -> Sequence[Stretch] | None:
    """What of ``text`` has placeholders in its place in ``after``; None when the rest of the two differs.

    Where several answers are possible, the first placeholder stands for as little as it can.
    """
    placeholders = PLACEHOLDER.findall(after)
    if not placeholders:
        return () if text == after else None
    kept = [re.escape(piece) for piece in PLACEHOLDER.split(after)]
    match = re.fullmatch("(.+?)".join(kept), text, re.DOTALL)
    if match is None:
        return None
    return [
        Stretch(*match.span(number), placeholder.strip("<>").partition(":")[0])
        for number, placeholder in enumerate(placeholders, 1)
    ]


def add_to(scores: dict[str, Score], labelled: Labelled, after: str) -> None:
    """Adds one redacted text to the scores of each entity."""
    found = replaced_stretches(labelled.text, after)
    if found is None:
        # Percent-encoded text is put back in one spelling, so that places say nothing; values do.
        found = _by_value(labelled, after)
    gone = {place for one in found for place in range(one.start, one.end)}
    for wanted in labelled.stretches:
        score = scores.setdefault(wanted.entity, Score())
        score.total += 1
        if _characters(labelled.text, wanted) <= gone:
            score.covered += 1
        else:
            score.missed.append(_around(labelled.text, wanted))
    for one in found:
        score = scores.setdefault(one.entity, Score())
        score.replaced += 1
        if _touches(one, labelled.stretches):
            score.right += 1
        else:
            score.wrong.append(_around(labelled.text, one))


def _by_value(labelled: Labelled, after: str) -> Sequence[Stretch]:
    """What of what is labelled is nowhere any more; whatever else was replaced is taken to stand for the first character."""
    gone = [one for one in labelled.stretches if labelled.text[one.start : one.end] not in after]
    known = [one.entity for one in gone]
    others = [name for name in PLACEHOLDER.findall(unquote(after)) if name.strip("<>") not in known]
    return [*gone, *(Stretch(0, 1, name.strip("<>")) for name in others)]


def _characters(text: str, stretch: Stretch) -> set[int]:
    """Places of letters and digits; signs at the ends are nobody's."""
    return {place for place in range(stretch.start, stretch.end) if text[place].isalnum()}


def _touches(one: Stretch, stretches: Iterable[Stretch]) -> bool:
    return any(one.entity == other.entity and one.start < other.end and other.start < one.end for other in stretches)


def _around(text: str, stretch: Stretch) -> str:
    before = text[max(0, stretch.start - 20) : stretch.start]
    return f"{before}[{text[stretch.start : stretch.end]}]{text[stretch.end : stretch.end + 8]}"
