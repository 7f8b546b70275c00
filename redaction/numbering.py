"""Numbering plans: which digits are a phone number, by the tables of libphonenumber.

The library itself takes a number apart in some ten microseconds, for each region once more, which is too slow to try the parts
of a list of numbers. Its tables say the same by a few expressions.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, REGION_CODE_FOR_NON_GEO_ENTITY, PhoneMetadata

# The regions of Presidio's own phone recognizer. Canada has the plan of the United States.
PHONE_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")
_AMERICA = 1
_AMERICAN_LENGTHS = (10, 11)
_KINDS = (
    "fixed_line mobile toll_free premium_rate shared_cost personal_number voip pager uan voicemail".split()
)  # fmt: skip
# With the code of a carrier behind it in Brazil only. Source: libphonenumber's national_prefix_for_parsing.
_TRUNKS = {"BR": r"(?:(?:0|90)(?:(?:1[245]|2[1-35]|31|4[13]|[56]5|99)(?=\d{10,11}$))?)?", "GB": "(?:0|180020)?"}
_TRUNK = "0?"


def is_international(digits: str) -> bool:
    """Whether a number with its country's code, without ``+``, is as long as that country's are."""
    for length in (1, 2, 3):
        code = int(digits[:length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            national, (lengths, trunk) = digits[length:], _abroad(code)
            # What is dialled before it at home only is often left in brackets.
            is_with_trunk = national.startswith(trunk) and len(national) - len(trunk) in lengths
            return len(national) in lengths or (bool(trunk) and is_with_trunk)
    return False


def is_national(digits: str) -> bool:
    """Whether a number is somebody's in one of the regions, with what is dialled before it at home or without."""
    return is_american(digits) or any(pattern.fullmatch(digits) for pattern in _elsewhere())


def is_american(digits: str) -> bool:
    """Whether it is one in the plan of North America, with 1 before it or without."""
    return len(digits) in _AMERICAN_LENGTHS and digits[0] != "0" and _american().fullmatch(digits) is not None


@cache
def _abroad(code: int) -> tuple[Container[int], str]:
    """How long a country's numbers are, and what is dialled before them at home."""
    main = next(_tables(code), None)
    if main is None or main.general_desc is None:
        return (), ""
    return frozenset(main.general_desc.possible_length), main.national_prefix or ""


def _tables(code: int) -> Iterator[PhoneMetadata]:
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        if region == REGION_CODE_FOR_NON_GEO_ENTITY:
            data = PhoneMetadata.metadata_for_nongeo_region(code, None)
        else:
            data = PhoneMetadata.metadata_for_region(region, None)
        if data is not None:
            yield data


@cache
def _american() -> re.Pattern[str]:
    return re.compile("1?(?:" + "|".join(map(_numbers, _tables(_AMERICA))) + ")", re.ASCII)


@cache
def _elsewhere() -> Sequence[re.Pattern[str]]:
    regions = [region for region in PHONE_REGIONS if region not in COUNTRY_CODE_TO_REGION_CODE[_AMERICA]]
    tables = [(region, PhoneMetadata.metadata_for_region(region, None)) for region in regions]
    return [
        re.compile(_TRUNKS.get(region, _TRUNK) + f"(?:{_numbers(data)})", re.ASCII)
        for region, data in tables
        if data is not None
    ]


def _numbers(data: PhoneMetadata) -> str:
    kinds = [getattr(data, kind) for kind in _KINDS]
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
    return "|".join(f"(?:{pattern})" for pattern in patterns if pattern)
