from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from processors.redact import Redact
from redaction.detector import DetectionError, Detector, Place
from redaction.finding import Finding
from redaction.policy import EntityRule, Policy, default_policy
from redaction.prefilter import Hits
from redaction.presidio import PatternDetector
from redaction.redactor import Redactor
from redaction.rule import Rule, RuleDetector, whole
from tests.support import factory

_ERROR = "<REDACTION_ERROR>"


class _Failing:
    """Is asked about every text with a ``y``, and raises."""

    entity = "EMAIL_ADDRESS"
    triggers = (b"y",)
    reach = 10

    def __init__(self, error: Exception) -> None:
        self._error = error

    def find(self, text: str, start: int, end: int, place: Place) -> Sequence[Finding]:  # noqa: ARG002 - raises whatever it is asked
        raise self._error


def _redactor(error: Exception) -> Redactor:
    detectors: Sequence[Detector] = (_Failing(error),)
    return Redactor(default_policy(), detectors=detectors)


_ERRORS = [DetectionError("slow"), TimeoutError(), ValueError("x"), MemoryError(), RecursionError()]


@pytest.mark.parametrize("error", _ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("text", ["y", '{"a": "y"}', "y " * 300])
def test_a_detector_that_fails_takes_the_whole_text_with_it(error: Exception, text: str) -> None:
    redacted = _redactor(error).redact_text(text)
    assert redacted.text == _ERROR
    assert redacted.entities == {"REDACTION_ERROR": 1}


def test_the_span_of_a_field_that_failed_is_kept() -> None:
    span = factory.span(name="clean", attributes={"a": "y", "b": "clean", "c": 3})
    (after,) = Redact(_redactor(ValueError())).process(factory.batch(span)).spans
    assert after.attributes == {"a": _ERROR, "b": "clean", "c": 3}
    assert (after.name, after.span_id) == ("clean", span.span_id)
    assert after.redactions == {"REDACTION_ERROR": 1}


_BACKTRACKING = [
    RuleDetector(
        Rule(entity="SLOW", triggers=(b"!",), reach=100, pattern="(?:x|xx)+y"), whole(lambda _match, _place: 1.0)
    ),
    PatternDetector(
        PatternRecognizer("SLOW", patterns=[Pattern("slow", "(?:x|xx)+y", 0.5)]), triggers=(b"!",), reach=100
    ),
]


@pytest.mark.parametrize("detector", _BACKTRACKING, ids=lambda detector: type(detector).__name__)
def test_an_expression_that_backtracks_takes_no_more_than_the_time_of_the_text(detector: Detector) -> None:
    place = Place(deadline=time.monotonic() + 0.1)
    with pytest.raises(DetectionError):
        detector.find("x" * 60 + "!", 0, 61, place)


@pytest.mark.parametrize("detector", _BACKTRACKING, ids=lambda detector: type(detector).__name__)
def test_nothing_is_begun_when_time_is_up(detector: Detector) -> None:
    with pytest.raises(DetectionError):
        detector.find("clean", 0, 5, Place(deadline=time.monotonic() - 1))


class _Blind(Redactor):
    """Stage one is out of order."""

    def scan(self, texts: Sequence[str]) -> Mapping[int, Hits]:
        raise MemoryError(len(texts))


def test_a_scan_that_fails_puts_everything_under_suspicion() -> None:
    span = factory.span(name="clean", attributes={"a": "bob@example.com"})
    (after,) = Redact(_Blind(default_policy())).process(factory.batch(span)).spans
    assert "bob" not in repr(after)
    assert after.span_id == span.span_id


def test_no_redactor_can_be_made_of_a_policy_that_cannot_run() -> None:
    policy = Policy(entities={"EMAIL_ADDRESS": EntityRule(operator="encrypt")})
    with pytest.raises(ValueError, match="need a key"):
        Redactor(policy)
