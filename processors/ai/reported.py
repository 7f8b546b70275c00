"""What a sender says that a call cost."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

CURRENCY = "USD"
"""Of amounts of which nothing else is said."""


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """An amount as reported in ``currency`` by the attribute ``key``; ``lines`` are amounts of its parts by bucket, as far as told.

    Zero is reported only where the tokens are known: a sender that does not know them says zero too.
    """

    amount: float
    currency: str = CURRENCY
    key: str = ""
    lines: Mapping[str, float] = msgspec.field(default_factory=dict[str, float])
