from __future__ import annotations

from functools import partial
from random import Random

import phonenumbers
import pytest

from redaction.numbering import PHONE_REGIONS, is_international, is_national

_DIGITS = "0123456789"


def _numbers(seed: int, count: int, *, start: str) -> list[str]:
    random = Random(seed)
    return [
        random.choice(start) + "".join(random.choices(_DIGITS, k=random.randint(6, 13))) for _ in range(count)
    ]  # fmt: skip


def _is_valid(digits: str) -> bool:
    return any(map(partial(_is_valid_in, digits), PHONE_REGIONS))


def _is_valid_in(digits: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def test_what_libphonenumber_takes_for_valid_at_home_is_national() -> None:
    # With two zeros or 49 before them the library takes some for numbers that are dialled from abroad.
    numbers = [one for one in _numbers(1, 2_000, start=_DIGITS) if not one.startswith(("00", "011", "49", "049", "91"))]
    wrong = [one for one in numbers if is_national(one) != _is_valid(one)]
    assert len([one for one in numbers if is_national(one)]) > len(numbers) // 4
    assert not [one for one in wrong if not is_national(one)]
    assert len(wrong) <= len(numbers) // 500


def test_what_is_as_long_as_libphonenumber_says_is_international() -> None:
    possible = [one for one in _numbers(2, 2_000, start="123456789") if _is_possible(one)]
    # A few small countries have rules for what an area may be left out of.
    assert len(list(filter(is_international, possible))) >= 0.995 * len(possible)
    assert len(possible) > 500


def _is_possible(digits: str) -> bool:
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("12025550123", True),
        ("1202555012", False),
        ("15550123", False),
        ("4930901820", True),
        ("49030901820", True),
        ("390612345678", True),
        ("99912345678", False),
    ],
)
def test_international(digits: str, *, expected: bool) -> None:
    assert is_international(digits) == expected
