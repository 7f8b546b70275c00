"""The slow twin of stage one: every detector over the whole text. Tests hold the fast path to it."""

from __future__ import annotations

from collections.abc import Sequence

from redaction.detector import Detector, Place
from redaction.finding import Finding
from redaction.fold import readings
from redaction.overlap import merged


def find_all(text: str, detectors: Sequence[Detector], *, threshold: float, words: str = "") -> Sequence[Finding]:
    """What the detectors find in the first reading of the text that has something, without triggers and windows."""
    place = Place(words=words)
    for folded in readings(text):
        found = [one for detector in detectors for one in detector.find(folded.text, 0, len(folded.text), place)]
        if sure := merged(one for one in found if one.score >= threshold):
            return sure
    return ()
