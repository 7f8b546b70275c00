"""Phone numbers of eight regions that could be somebody's, in the spellings of their regions."""

from __future__ import annotations

from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
_TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
_SPELLINGS = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)
# Behind the area code or the network's digits any digits are somebody's.
_FREE_DIGITS = 6


def phone(random: Random) -> str:
    """A valid number of a region by lot: as it is written at home, from abroad, or in one piece."""
    region = random.choice(REGIONS)
    while True:
        example = phonenumbers.example_number_for_type(region, random.choice(_TYPES))
        if example is None:
            continue
        body = str(example.national_number)
        digits = body[:-_FREE_DIGITS] + "".join(random.choice("0123456789") for _ in range(_FREE_DIGITS))
        number = phonenumbers.parse(f"+{example.country_code}{digits}")
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, random.choice(_SPELLINGS))
