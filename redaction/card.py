"""The detector of payment cards: the numbers that lie in a run of groups of digits, whatever groups stand beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from string import ascii_letters, digits

import regex

from redaction.detector import Detector, Place
from redaction.number import card_lengths, is_card
from redaction.rule import Part, Rule, RuleDetector

# Between groups: what people write, what tables have, and the end of a line.
_SIGNS = r"[ .\-_\t\r\n]{0,2}"
_GROUP = regex.compile(r"[0-9]++")
# Lengths of groups as they are printed on cards, so that whatever stands beside such is something else.
_PRINTED = frozenset(((4, 6, 5), (4, 6, 4), *((*(4,) * fours, rest) for fours in (2, 3, 4) for rest in (1, 2, 3, 4))))
# Most cards, alone: there is nothing to look for in such a run.
_MOST = regex.compile(r"(?:[0-9]{4}[ .\-_]){3}[0-9]{4}|[0-9]{16}")
_NO_SIGNS = str.maketrans("", "", " .-_")
_MAX_GROUPS = 6
# Digits of the first of them.
_MIN_GROUP, _MAX_GROUP = 3, 6
# No card begins with a shorter group.
_LONG_GROUP = regex.compile(rf"[0-9]{{{_MIN_GROUP}}}")
# Other groups than those have single signs between them.
_LOOSE_SIGNS = frozenset(" .-")
_MAX_LOOSE = 7
_DIGITS = frozenset(digits)
_LETTERS = _DIGITS | frozenset(ascii_letters)
_DATE = regex.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d")
_UUID = regex.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_UUID_CHARS = 36
# The last of a UUID that was cut.
_UUID_END = regex.compile(r"(?<=[0-9a-fA-F]{4}-)[0-9]{12}")
# What a number in JSON, or in a table, may have behind it.
_NO_FRACTION = regex.compile(r"\.0{1,4}+(?![0-9A-Za-z.])")


def card_detector() -> Detector:
    """Every stretch of a run that is a card by scheme and check digit; where it cannot be told which of two it is, both go."""
    return RuleDetector(
        Rule(
            entity="CREDIT_CARD",
            # The line end apart: it parts the texts of a batch as well, so that with it numbers of two texts would trigger.
            triggers=(
                rb"(?:^|[^0-9A-Za-z]|\\[bfnrt])[0-9]{2}(?:[ .\-_\t]{0,2}[0-9]){10}",
                rb"[0-9]{4}[ .\-_\t\r\n]?\n[0-9]",
                rb"[0-9]{4}\n[ .\-_\t\r][0-9]",
            ),
            reach=60,
            pattern=rf"(?<![0-9A-Za-z])[0-9](?:{_SIGNS}+[0-9]){{11,}}+",
        ),
        _cards,
    )


def _cards(match: regex.Match[str], _place: Place) -> Iterator[Part]:
    if _MOST.fullmatch(match[0]) and is_card(match[0].translate(_NO_SIGNS)):
        start, end = match.span()
        if not _is_cut(match.string, start, end) and not _is_in_uuid(match.string, start, end):
            yield start, end, 1.0
            return
    if _LONG_GROUP.search(match.string, match.start(), match.end()) is None:
        return
    run = _Run(match)
    number, last = 0, run.last(0)
    while number < run.count:
        if last is None:
            number += 1
            last = run.last(number)
            continue
        following = run.last(last + 1)
        # What begins inside of it and goes on behind it may be the card, and this the chance; unless the next begins behind it.
        while following is None and (beyond := run.beyond(number, last)) > last:
            last = beyond
            following = run.last(last + 1)
        yield run.part(number, last)
        number, last = last + 1, following


class _Run:
    """Groups of digits with little between them."""

    def __init__(self, match: regex.Match[str]) -> None:
        self._text = match.string
        self._groups = [group.span() for group in _GROUP.finditer(match.string, match.start(), match.end())]
        self._digits = "".join([self._text[start:end] for start, end in self._groups])
        self._lengths = [end - start for start, end in self._groups]
        self._offsets = list(accumulate(self._lengths, initial=0))
        self.count = len(self._groups)

    def last(self, first: int) -> int | None:
        """The last group of the longest card that begins with a group; behind the last group there is none."""
        if first >= self.count:
            return None
        length = self._lengths[first]
        if length < _MIN_GROUP:
            return None
        offset = self._offsets[first]
        lengths = card_lengths(self._digits[offset : offset + 2])
        if length > _MAX_GROUP:
            return first if length in lengths and self._is_in_one_piece(first) else None
        for last in range(min(first + _MAX_GROUPS, self.count) - 1, first, -1):
            behind = self._offsets[last + 1]
            if behind - offset in lengths and is_card(self._digits[offset:behind]) and self._can_be(first, last):
                return last
        return None

    def beyond(self, first: int, last: int) -> int:
        """Where the last of the cards ends that begin behind the first of these groups, or the last group."""
        if last + 1 >= self.count:
            return last
        return max((self.last(inner) or last for inner in range(first + 1, last + 1)), default=last)

    def part(self, first: int, last: int) -> Part:
        """From one group to another."""
        end = self._groups[last][1]
        fraction = _NO_FRACTION.match(self._text, end) if self._text.startswith(".", end) else None
        return self._groups[first][0], fraction.end() if fraction else end, 1.0

    def _is_in_one_piece(self, number: int) -> bool:
        start, end = self._groups[number]
        if _is_letter(self._text, end) or _is_decimal(self._text, start) or _has_fraction(self._text, end):
            return False
        return is_card(self._text[start:end]) and not _is_in_uuid(self._text, start, end)

    def _can_be(self, first: int, last: int) -> bool:
        start, end = self._groups[first][0], self._groups[last][1]
        if _is_cut(self._text, start, end) or _is_in_uuid(self._text, start, end):
            return False
        return tuple(self._lengths[first : last + 1]) in _PRINTED or _is_alone(self._text, self._groups, first, last)


def _is_alone(text: str, groups: Sequence[tuple[int, int]], first: int, last: int) -> bool:
    """Whether digits in other groups have no group beside them, and one sign between each of them; dates are none."""
    if first > 0 and _is_one_sign(text, groups, first - 1):
        return False
    if last + 1 < len(groups) and _is_one_sign(text, groups, last):
        return False
    if not all(_is_one_sign(text, groups, number) for number in range(first, last)):
        return False
    if any(end - start > _MAX_LOOSE for start, end in groups[first : last + 1]):
        return False
    return _DATE.search(text, groups[first][0], groups[last][1]) is None


def _is_one_sign(text: str, groups: Sequence[tuple[int, int]], number: int) -> bool:
    start, end = groups[number][1], groups[number + 1][0]
    return end - start == 1 and text[start] in _LOOSE_SIGNS


def _is_cut(text: str, start: int, end: int) -> bool:
    """Whether it is the end of a decimal or the beginning of one, or of a word. Dots between the groups part others as well."""
    if _is_letter(text, end):
        return True
    return "." not in text[start:end] and (_is_decimal(text, start) or _has_fraction(text, end))


def _is_letter(text: str, place: int) -> bool:
    return text[place : place + 1] in _LETTERS


def _is_decimal(text: str, start: int) -> bool:
    return start > 1 and text[start - 1] == "." and text[start - 2] in _DIGITS


def _has_fraction(text: str, end: int) -> bool:
    """Whether it is the beginning of a decimal that has something behind its point."""
    return text.startswith(".", end) and text[end + 1 : end + 2] in _DIGITS and not _NO_FRACTION.match(text, end)


def _is_in_uuid(text: str, start: int, end: int) -> bool:
    """Whether all of it belongs to a UUID, or to the end of one."""
    if "-" not in text[max(0, start - 1) : end + 1]:
        return False
    if _UUID_END.fullmatch(text, start, end):
        return True
    window = max(0, start - _UUID_CHARS), end + _UUID_CHARS
    return any(uuid.start() <= start and end <= uuid.end() for uuid in _UUID.finditer(text, *window))
