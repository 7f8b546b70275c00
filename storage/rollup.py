"""Rollups: what spans and AI interactions amount to over time, kept ready so that questions about many of them are answered at once."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class RollupStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far rolling up is behind.

    ``dirty`` counts times whose spans or interactions have changed since, ``stale`` hours and days that are to be made anew of what is
    below them. ``lag_s`` is for how long the time has waited that has waited longest, ``oldest`` and ``newest`` are where they lie.
    """

    dirty: int
    stale: int
    lag_s: float
    oldest: datetime | None = None
    newest: datetime | None = None


class RollupInstruments(Protocol):
    """Told of what rolling up does."""

    def rolled(self, *, buckets: int, rows: int, seconds: float) -> None:
        """Buckets were made anew in one transaction, of so many spans or interactions."""
        ...

    def backlog(self, *, dirty: int, stale: int, lag_s: float) -> None:
        """What there is to do."""
        ...
