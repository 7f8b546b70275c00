"""Numbers of payment cards with a right check digit, of every scheme that issues them, in the ways people write them.

The ranges are those that the schemes and ISO/IEC 7812 publish, put down here once more and not taken from redaction, which is
measured with them. UATP's, which begin with 1, are left out: so do timestamps, which are let be on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

# First and last prefix, and lengths.
SCHEMES: dict[str, tuple[int, int, Sequence[int]]] = {
    "Visa": (4, 4, (13, 16, 19)),
    "Mastercard": (51, 55, (16,)),
    "Mastercard, 2-series": (2221, 2720, (16,)),
    "American Express": (34, 34, (15,)),
    "American Express, 37": (37, 37, (15,)),
    "Diners Club, 30": (300, 305, (14, 16, 19)),
    "Diners Club, 3095": (3095, 3095, (14, 16, 19)),
    "Diners Club, 36": (36, 36, (14, 16, 19)),
    "Diners Club, 38": (38, 39, (14, 16, 19)),
    "Discover": (6011, 6011, (16, 19)),
    "Discover, 64": (644, 649, (16, 19)),
    "Discover, 65": (65, 65, (16, 19)),
    "JCB": (3528, 3589, (16, 17, 18, 19)),
    "UnionPay": (62, 62, (16, 17, 18, 19)),
    "Maestro, 50": (5018, 5018, (12, 13, 14, 15, 16, 17, 18, 19)),
    "Maestro, 5893": (5893, 5893, (12, 14, 16, 18, 19)),
    "Maestro, 6304": (6304, 6304, (12, 14, 16, 18, 19)),
    "Maestro, 67": (6759, 6763, (12, 13, 15, 16, 19)),
    "Mir": (2200, 2204, (16, 17, 18, 19)),
    "RuPay": (6521, 6522, (16,)),
    "RuPay, 508": (508, 508, (16,)),
    "RuPay, 81": (81, 82, (16,)),
    "Troy": (9792, 9792, (16,)),
    "Verve": (506099, 506198, (16, 18, 19)),
    "Dankort": (5019, 5019, (16,)),
    "Humo": (9860, 9860, (16,)),
    "Uzcard": (8600, 8600, (16,)),
}
SEPARATORS = ("", " ", "-", "\u00a0", ".")


def card(random: Random) -> str:
    """A number of a scheme by lot, in a spelling by lot."""
    low, high, lengths = SCHEMES[random.choice(list(SCHEMES))]
    prefix = str(random.randint(low, high))
    digits = number(random, prefix, random.choice(lengths))
    return spelled(digits, random.choice(SEPARATORS))


def number(random: Random, prefix: str, length: int) -> str:
    """``length`` digits that begin with ``prefix`` and end with their check digit."""
    body = prefix + "".join(random.choice("0123456789") for _ in range(length - len(prefix) - 1))
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """The digit that makes ``body`` right by ISO/IEC 7812-1."""
    total = 0
    for index, digit in enumerate(map(int, reversed(body))):
        doubled = digit * 2 if index % 2 == 0 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def spelled(digits: str, separator: str) -> str:
    """Groups of four, or four, six and the rest as on cards of fourteen and fifteen digits."""
    if len(digits) in (14, 15):
        return separator.join((digits[:4], digits[4:10], digits[10:]))
    return separator.join(digits[start : start + 4] for start in range(0, len(digits), 4))
