"""What is kept, and what goes because it is too old: what ``relayscope retention`` shows and does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec


class StoredPartition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a signal's table, and what would become of it.

    ``start`` and ``end`` (excluded) are none where there is no bound; the partition of all other times has neither.
    ``rows`` is PostgreSQL's estimate, none when it has made none; ``bytes`` counts indexes and TOAST.
    ``expires`` says that everything in it is too old, so that it is dropped as a whole. ``expired_rows`` counts the old
    rows of a partition that is never dropped, up to a limit; it is none for the others.
    """

    name: str
    start: datetime | None
    end: datetime | None
    rows: int | None
    bytes: int
    expires: bool
    expired_rows: int | None = None


EXPIRED_ROWS_LIMIT = 100_000


class Survey(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is stored of a signal, oldest first. ``cutoff`` is none when everything is kept."""

    signal: str
    cutoff: datetime | None
    partitions: Sequence[StoredPartition]


class Removal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was removed of a signal. ``busy`` names partitions that were in use; the next run drops them."""

    signal: str
    cutoff: datetime
    dropped: Sequence[str]
    busy: Sequence[str]
    rows: int
    operations: int


# How long each signal is kept, by name. One that is not named is kept for ever.
Periods = Mapping[str, timedelta]
