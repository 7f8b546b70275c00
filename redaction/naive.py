"""The slow twin of stage one: every detector over the whole text. Tests hold the fast path to it."""

from __future__ import annotations

from collections.abc import Sequence

from redaction.detector import Detector, Place
from redaction.finding import Finding
from redaction.fold import fold
from redaction.overlap import merged


def find_all(text: str, detectors: Sequence[Detector], *, threshold: float, words: str = "") -> Sequence[Finding]:
    """What the detectors find in the folded text, without triggers and windows."""
    folded = fold(text).text
    place = Place(words=words)
    found = [one for detector in detectors for one in detector.find(folded, 0, len(folded), place)]
    return merged(one for one in found if one.score >= threshold)
