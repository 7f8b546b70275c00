"""An operator's own recognizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import hyperscan
import regex

from redaction.detector import Detector, Place
from redaction.number import has_iban_check, has_luhn
from redaction.policy import CustomRecognizer, Validator
from redaction.rule import Rule, RuleDetector

_REACH = 1000


def custom_detectors(recognizers: Sequence[CustomRecognizer]) -> Sequence[Detector]:
    """One detector a pattern.

    Raises:
        ValueError: a pattern cannot be used; the message names the recognizer and the pattern, by number.
    """
    return [
        _detector(recognizer, pattern, f"{recognizer.entity}: pattern {number}")
        for recognizer in recognizers
        for number, pattern in enumerate(recognizer.patterns, 1)
    ]


def _detector(recognizer: CustomRecognizer, pattern: str, place: str) -> Detector:
    trigger = _checked(pattern, place)
    check = _CHECKS[recognizer.validator] if recognizer.validator else None

    def score(match: regex.Match[str], _place: Place) -> float:
        if check is None:
            return recognizer.score
        return 1.0 if check("".join(filter(str.isalnum, match[0]))) else 0.0

    rule = Rule(
        entity=recognizer.entity, triggers=(trigger,), reach=_REACH, pattern=pattern, context=recognizer.context
    )
    return RuleDetector(rule, score)


def _checked(pattern: str, place: str) -> bytes:
    try:
        compiled = regex.compile(pattern)
    except regex.error as exc:
        raise ValueError(f"{place}: not a regular expression: {exc.msg}") from exc
    if compiled.fullmatch("") is not None:
        raise ValueError(f"{place}: matches the empty text, so it would match everywhere")
    if not pattern.isascii():
        raise ValueError(f"{place}: only ASCII characters can stand in a pattern")
    trigger = _trigger(pattern).encode()
    try:
        hyperscan.Database().compile(expressions=[trigger], ids=[0], elements=1, flags=[0])
    except hyperscan.error as exc:
        raise ValueError(f"{place}: only what needs no backtracking: no look-around, no back-references") from exc
    return trigger


_PIECE = regex.compile(r"\\.|[\[\]]|[^\\\[\]]+", regex.DOTALL)


def _trigger(pattern: str) -> str:
    """The pattern as stage one sees texts: what is not ASCII is a question mark there, and may be of a word."""
    parts: list[str] = []
    is_class = False
    for piece in _PIECE.findall(pattern):
        if piece in "[]":
            is_class = piece == "["
        if piece == r"\w":
            parts.append(r"\w?" if is_class else r"[\w?]")
        elif piece not in (r"\b", r"\B") or is_class:
            parts.append(piece)
    return "".join(parts)


def _is_luhn(value: str) -> bool:
    return value.isdecimal() and value.isascii() and has_luhn(value)


_CHECKS: Mapping[Validator, Callable[[str], bool]] = {"luhn": _is_luhn, "iban": has_iban_check}
