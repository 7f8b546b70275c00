"""What a span says itself that its call cost."""

from __future__ import annotations

import msgspec


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """``amount`` in ``currency``, as the attribute ``key`` told it."""

    amount: float
    key: str
    currency: str = "USD"
