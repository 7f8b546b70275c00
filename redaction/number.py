"""Numbers that are somebody's: cards by scheme and check digit."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

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


def _by_prefix() -> Mapping[str, Mapping[int, Sequence[tuple[str, str]]]]:
    """By first two digits and by length: the ranges of prefixes that issue such numbers."""
    table: dict[str, dict[int, list[tuple[str, str]]]] = {}
    for low, high, lengths in _SCHEMES:
        for prefix in range(int(f"{low:0<2}"[:2]), int(f"{high:9<2}"[:2]) + 1):
            for length in lengths:
                table.setdefault(str(prefix), {}).setdefault(length, []).append((low, high))
    return table


# So that most numbers are told apart at once.
_BY_PREFIX = _by_prefix()
_NO_LENGTHS: Mapping[int, Sequence[tuple[str, str]]] = {}
# Of an ASCII digit: the sum of the digits of its double.
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_ZERO = ord("0")


def card_lengths(digits: str) -> Container[int]:
    """How many digits the numbers have that begin with the first two."""
    return _BY_PREFIX.get(digits[:2], _NO_LENGTHS)


def is_card(digits: str) -> bool:
    """Whether ASCII digits are a payment card's number."""
    for low, high in _BY_PREFIX.get(digits[:2], _NO_LENGTHS).get(len(digits), ()):
        if low <= digits[: len(low)] <= high:
            return has_luhn(digits) and len(set(digits)) > 1
    return False


def has_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    values = digits.encode()
    single = values[::-2]
    total = sum(single) - _ZERO * len(single) + sum(values[-2::-2].translate(_DOUBLED))
    return total % 10 == 0


def has_iban_check(text: str) -> bool:
    """Whether letters and digits have the check digits of ISO 13616."""
    if not text.isalnum() or not text.isascii() or len(text) < 5:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1
