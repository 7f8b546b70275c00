"""Detectors with the faults that real ones may have. All of them are triggered by ``!``."""

from __future__ import annotations

import time
from collections.abc import Sequence

from redaction.detector import Place
from redaction.finding import Finding


class RecordingDetector:
    """Finds nothing, and remembers what it was asked."""

    entity = "RECORDING"
    triggers: Sequence[bytes] = (rb"!",)

    def __init__(self, *, reach: int = 4) -> None:
        self.reach = reach
        self.windows: list[tuple[int, int]] = []
        self.words: list[str] = []

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        del text
        self.windows.append((start, end))
        self.words.append(place.words)
        return ()


class FailingDetector:
    """Raises ``error``."""

    entity = "FAILING"
    triggers: Sequence[bytes] = (rb"!",)
    reach = 4

    def __init__(self, error: Exception) -> None:
        self._error = error

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        del text, start, end, place
        raise self._error


class SlowDetector:
    """Takes its time for each window."""

    entity = "SLOW"
    triggers: Sequence[bytes] = (rb"!",)
    reach = 4

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:
        del text, start, end, place
        time.sleep(self._seconds)
        return ()
