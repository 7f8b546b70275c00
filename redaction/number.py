"""Numbers that are somebody's: cards by scheme and check digit."""

from __future__ import annotations

from collections.abc import Sequence

# First and last prefix, and the lengths that numbers of the scheme have. Source: ISO/IEC 7812-1 and the schemes' own ranges.
_SCHEMES: Sequence[tuple[str, str, frozenset[int]]] = (
    ("4", "4", frozenset((13, 16, 19))),  # Visa
    ("51", "55", frozenset((16,))),  # Mastercard
    ("2221", "2720", frozenset((16,))),  # Mastercard
    ("2200", "2204", frozenset(range(16, 20))),  # Mir
    ("34", "34", frozenset((15,))),  # American Express
    ("37", "37", frozenset((15,))),
    ("300", "305", frozenset(range(14, 20))),  # Diners Club
    ("3095", "3095", frozenset(range(14, 20))),
    ("36", "36", frozenset(range(14, 20))),
    ("38", "39", frozenset(range(14, 20))),
    ("3528", "3589", frozenset(range(16, 20))),  # JCB
    ("2131", "2131", frozenset((15,))),
    ("1800", "1800", frozenset((15,))),
    ("50", "50", frozenset(range(12, 20))),  # Maestro
    ("56", "58", frozenset(range(12, 20))),
    ("60", "69", frozenset(range(12, 20))),  # Maestro, Discover, UnionPay, RuPay
    ("81", "82", frozenset((16,))),  # RuPay
    ("8600", "8600", frozenset((16,))),  # Uzcard
    ("9792", "9792", frozenset((16,))),  # Troy
    ("9860", "9860", frozenset((16,))),  # Humo
)
# By first two digits, so that most numbers are told apart at once.
_BY_PREFIX = {
    f"{first:02d}": [
        scheme
        for scheme in _SCHEMES
        if scheme[0][:2] <= f"{first:02d}" <= scheme[1][:2] or (len(scheme[0]) == 1 and scheme[0] == f"{first:02d}"[0])
    ]
    for first in range(10, 100)
}
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_card(digits: str) -> bool:
    """Whether ASCII digits are a payment card's number."""
    length = len(digits)
    schemes = _BY_PREFIX.get(digits[:2]) if 12 <= length <= 19 else None
    if not schemes:
        return False
    if not any(length in lengths and low <= digits[: len(low)] <= high for low, high, lengths in schemes):
        return False
    return has_luhn(digits) and len(set(digits)) > 1


def has_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    total = 0
    for index, digit in enumerate(map(int, reversed(digits))):
        total += _DOUBLED[digit] if index % 2 else digit
    return total % 10 == 0


def has_iban_check(text: str) -> bool:
    """Whether letters and digits have the check digits of ISO 13616."""
    if not text.isalnum() or not text.isascii() or len(text) < 5:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1
