"""What a detector found."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Characters ``start`` to ``end`` (excluded) of a text are an ``entity``, as surely as ``score`` (0 to 1) says."""

    start: int
    end: int
    entity: str
    score: float
