"""How much is stored, for metrics: asked now and then, never in the way of reads and writes."""

from __future__ import annotations

from typing import Protocol

import msgspec


class StoreMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, indexes included; ``spans`` is an estimate.

    ``catch_all_bytes`` are those of the partitions for times without one of their own, which ``partitions`` leaves out.
    ``newest_span_age_s`` is none when no span started within the last two days. ``search_pending`` is at most how many
    interactions wait for the full-text index, ``search_lag_s`` for how long there have been any.
    """

    database_bytes: int
    spans_bytes: int
    spans: int
    partitions: int
    largest_partition_bytes: int
    catch_all_bytes: int
    newest_span_age_s: float | None
    search_pending: int
    search_lag_s: float


class StoreMeter(Protocol):
    """Measures a store."""

    async def measure(self) -> StoreMeasurement:
        """The figures of now.

        Raises:
            RelayscopeError: the store cannot be reached or asked.
        """
        ...
