"""Identity numbers of countries, as Presidio's recognizers know them."""

from __future__ import annotations

from collections.abc import Sequence

from presidio_analyzer import PatternRecognizer, predefined_recognizers

from redaction.country import NATIONAL
from redaction.detector import Detector
from redaction.presidio import PatternDetector

# Every one of these numbers has a digit with four letters or digits behind it, or is refused here when it is built.
_TRIGGER = rb"(?:^|[^0-9])[0-9](?:[ \-./]?[0-9A-Za-z]){3}"
_REACH = 40


def national_detectors(countries: Sequence[str]) -> Sequence[Detector]:
    """The detectors of the given countries; codes are those of ``NATIONAL``."""
    names = [name for country in countries for name in NATIONAL[country].values()]
    return [PatternDetector(_recognizer(name), triggers=(_TRIGGER,), reach=_REACH) for name in names]


def _recognizer(name: str) -> PatternRecognizer:
    recognizer: PatternRecognizer = getattr(predefined_recognizers, name)()
    return recognizer
