"""The detector of phone numbers: those that lie in a run of groups of digits, whatever groups stand beside them."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from redaction.context import Context
from redaction.detector import Detector, Place
from redaction.numbering import is_american, is_international, is_national
from redaction.rule import Part, Rule, RuleDetector

_WORDS = "phone telephone tel cell cellphone mobile call fax sms whatsapp contact msisdn".split()
_CONTEXT = Context(_WORDS)
# Programs call and contact each other, too, by numbers without separators.
_BARE_CONTEXT = Context([word for word in _WORDS if word not in {"call", "contact"}])
_FORMED, _SURE = 0.6, 0.4
# What is dialled before the country's code.
_ABROAD = regex.compile(r"(?:00|011)(?=[1-9])")
_MIN_DIGITS, _MAX_DIGITS, _MAX_NATIONAL = 7, 15, 13
_MAX_GROUPS = 6
# Of a number that nothing but its form makes one.
_MIN_FORMED = 9
_PAIR = 2

_RUN = r"(?<![0-9A-Za-z+])\+?\(?[0-9](?:[ ().\-/_]{0,3}+[0-9]){6,}+"
_GROUP = regex.compile(r"\(?[0-9]++(?:\)|(?!\)))|[0-9]++")
_EXTENSION = regex.compile(r"\)?(?:\s?(?:x|ext\.?)\s?[0-9]{1,6})?+(?![0-9A-Za-z])")
_AMERICAN = regex.compile(
    r"(?<![0-9A-Za-z+]|[0-9][.\-/_])(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d(?P<sign>[-. _]))\d{3}[-. _]\d{4}(?![0-9A-Za-z]|[.\-_][0-9])"
)
# How groups begin that may be a number by their form: with the zero that is dialled at home, or an area in brackets.
_FORM = regex.compile(r"\(|(?<![0-9])0")
_YEAR = r"\(?(?:19|20)\d\d\)?"
# Dates, times after dates, ranges of years, dotted addresses and decimals, in which digits are grouped as well.
_NO_PHONE = regex.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])(?:[-./ ]|$).*|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d(?:\D.*)?"
    rf"|{_YEAR}(?:[-./ ]{{1,2}}{_YEAR})+|\d{{1,3}}(?:\.\d{{1,3}}){{3}}|\d+\.\d+|\d{{3}}-\d{{2}}-\d{{4}}"
)
_DATE = regex.compile(r"(?<![0-9])(?:19|20)\d\d[-./](?:0[1-9]|1[0-2])(?![0-9])")


def phone_detector() -> Detector:
    """International numbers, national ones with separators, and bare digits where a word says that they are one."""
    return RuleDetector(
        Rule(
            entity="PHONE_NUMBER",
            triggers=(
                rb"\+[1-9](?:[ ().\-/_]{0,3}[0-9]){6}",
                rb"(?:^|[^0-9A-Za-z]|\\[bfnrt])[0-9](?:[ .\-/()_]{0,3}[0-9]){6}",
            ),
            reach=60,
            pattern=_RUN,
        ),
        _phones,
    )


def _phones(match: regex.Match[str], place: Place) -> Iterator[Part]:
    text, start, end = match.string, match.start(), match.end()
    behind = start
    if text[start] == "+":
        last = _international(text, start + 1, end)
        if last is not None:
            behind = last
            yield start, _with_extension(text, last), _FORMED
    elif text[start:end].isdecimal():
        yield from _bare(text, start, end, place)
        return
    barrier = end
    for american in _AMERICAN.finditer(text, behind, end + 1):
        if _is_american(american, start, end):
            barrier = min(barrier, american.start())
            yield american.start(), _with_extension(text, american.end()), _FORMED
    if _FORM.search(text, start, end) or _CONTEXT.is_around(text, start, place):
        yield from _Run(text, start, end, place).nationals(behind, barrier)


def _with_extension(text: str, end: int) -> int:
    extension = _EXTENSION.match(text, end)
    return extension.end() if extension else end


def _international(text: str, start: int, end: int) -> int | None:
    """Where the longest number ends that begins with its country's code; at the end of a group."""
    digits, last = "", None
    for group in _GROUP.finditer(text, start, end):
        if last is not None and group[0][0] == "(" and len(digits) >= _MIN_DIGITS:
            # The area of the next number.
            break
        digits += group[0].strip("()")
        if len(digits) > _MAX_DIGITS:
            break
        if len(digits) >= _MIN_DIGITS and _EXTENSION.match(text, group.end()) and is_international(digits):
            last = group.end()
    return last


def _is_american(american: regex.Match[str], start: int, end: int) -> bool:
    """Whether it is one by its form alone. Beside other groups, and with spaces only, its area has to be one."""
    if american.start() == start and american.end() >= end:
        return True
    digits = "".join(filter(str.isdecimal, american[0]))[-10:]
    if digits[3] in "01":
        return False
    return american["sign"] not in (" ", ".", "_") or is_american(digits)


def _bare(text: str, start: int, end: int, place: Place) -> Iterator[Part]:
    if not _MIN_DIGITS <= end - start <= _MAX_DIGITS or _is_part(text, start, end):
        return
    digits = text[start:end]
    if digits.startswith("00"):
        if digits[2] != "0" and is_international(digits[2:]):
            yield start, _with_extension(text, end), _FORMED
    elif _BARE_CONTEXT.is_around(text, start, place) and is_national(digits):
        yield start, _with_extension(text, end), _SURE


def _is_part(text: str, start: int, end: int) -> bool:
    """Whether digits are cut off a word, a decimal, or a row of groups."""
    if text[start - 1 : start] in (".", "-") and start > 0:
        return True
    return _EXTENSION.match(text, end) is None or (
        text[end : end + 1] in ("-", ".") and text[end + 1 : end + 2].isdecimal()
    )


class _Run:
    """Groups of digits, in which there may be numbers as they are written at home."""

    def __init__(self, text: str, start: int, end: int, place: Place) -> None:
        self._text = text
        self._start = start
        self._groups = [group.span() for group in _GROUP.finditer(text, start, end)]
        self._digits = [text[first:last].strip("()") for first, last in self._groups]
        self._place = place
        self._contexts: dict[bool, bool] = {}

    def nationals(self, behind: int, barrier: int) -> Iterator[Part]:
        """Numbers between two places. Before the first a number from abroad may have taken the beginning of one for its end."""
        number, count = 0, len(self._groups)
        while number < count and self._groups[number][0] < barrier:
            start = self._groups[number][0]
            is_formed = (self._digits[number][0] == "0" or self._text[start] == "(") and (number > 0 or start >= behind)
            is_around = self._is_around(is_bare=False) and start >= behind
            last = self._last(number, barrier, is_formed=is_formed) if is_formed or is_around else None
            if last is None:
                number += 1
                continue
            score = _FORMED if _ABROAD.match("".join(self._digits[number : last + 1])) else _SURE
            yield self._groups[number][0], _with_extension(self._text, self._groups[last][1]), score
            number = last + 1

    def _last(self, first: int, barrier: int, *, is_formed: bool) -> int | None:
        """The last group of the longest number that begins with a group."""
        if not self._can_begin(first):
            return None
        ends: list[tuple[int, str]] = []
        digits = ""
        for last in range(first, min(first + _MAX_GROUPS, len(self._groups))):
            if self._groups[last][1] > barrier or (last > first and not self._goes_on(last, digits)):
                break
            digits += self._digits[last]
            if len(digits) >= _MIN_DIGITS and self._can_end(last):
                if last == first and self._is_one(first, last, digits, is_formed=is_formed):
                    # In one piece.
                    return last
                ends.append((last, digits))
            if len(digits) > _MAX_NATIONAL and not _ABROAD.match(digits):
                break
        for last, digits in reversed(ends):
            if self._is_one(first, last, digits, is_formed=is_formed):
                return last
        return None

    def _can_begin(self, first: int) -> bool:
        """Not behind a time, a sign of a decimal or of a word; inside of a run, behind a space only."""
        start = self._groups[first][0]
        before = self._text[max(0, start - 2) : start]
        if first > 0:
            return before[-1:] == " " and len(self._digits[first]) > 1
        if before[-1:] == "-":
            return not before[:1].isalnum()
        return before[-1:] not in (".", "+") and not (before[-1:] in (" ", "\t", ":") and before[:1].isdecimal())

    def _goes_on(self, number: int, digits: str) -> bool:
        between = self._text[self._groups[number - 1][1] : self._groups[number][0]]
        if len(between) > 2 or "_" in between or len(self._digits[number]) < 2:
            return False
        return self._text[self._groups[number][0]] != "(" or len(digits) < _MIN_DIGITS

    def _can_end(self, last: int) -> bool:
        end = self._groups[last][1]
        behind = self._text[end : end + 2]
        return _EXTENSION.match(self._text, end) is not None and not (
            behind[:1] in ("-", ".") and behind[1:].isdecimal()
        )

    def _is_one(self, first: int, last: int, digits: str, *, is_formed: bool) -> bool:
        if first == last and self._text[self._groups[first][0]] != "(":
            return not is_formed and self._is_around(is_bare=True) and is_national(digits)
        value = self._text[self._groups[first][0] : self._groups[last][1]]
        if _NO_PHONE.fullmatch(value) or _DATE.search(value) or ("." in value and not set(value).isdisjoint(" -/")):
            return False
        abroad = _ABROAD.match(digits)
        if abroad and is_international(digits[abroad.end() :]):
            return True
        if len(digits) > _MAX_NATIONAL or digits.startswith("00"):
            return False
        if is_formed and not self._is_around(is_bare=False):
            return len(digits) >= _MIN_FORMED and self._is_grouped(first, last) and is_national(digits)
        return is_national(digits)

    def _is_grouped(self, first: int, last: int) -> bool:
        """Beside other groups a number has none of one or two digits at its end, unless all are pairs."""
        if (first == 0 and last + 1 == len(self._groups)) or len(self._digits[last]) > _PAIR:
            return True
        return all(len(group) == _PAIR for group in self._digits[first : last + 1])

    def _is_around(self, *, is_bare: bool) -> bool:
        known = self._contexts.get(is_bare)
        if known is None:
            context = _BARE_CONTEXT if is_bare else _CONTEXT
            known = self._contexts[is_bare] = context.is_around(self._text, self._start, self._place)
        return known
