"""Latencies in buckets, so that those of many minutes can be added up: how far a percentile is off then is bounded.

Bucket 0 holds what took no time, or less; bucket ``n`` what took more than ``GAMMA ** (n - 2)`` nanoseconds and at most
``GAMMA ** (n - 1)``. Whatever lies in a bucket is taken for the point whose relative distance to both of its ends is the same, so it is
off by ``MAX_RELATIVE_ERROR`` at most, and so is what lies between two such points.

Source: Masson, Rim and Lee, "DDSketch: A fast and fully-mergeable quantile sketch with relative-error guarantees", VLDB 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

GAMMA = 1.05
MAX_RELATIVE_ERROR = (GAMMA - 1) / (GAMMA + 1)
_LOG_GAMMA = math.log(GAMMA)
_NS_PER_MS = 1e6


def bucket_of(duration_ns: int) -> int:
    """The number of the bucket of a duration; ``storage/postgres/sql/rollup_relation.sql`` says the same."""
    return math.ceil(math.log(duration_ns) / _LOG_GAMMA) + 1 if duration_ns > 0 else 0


def latency_ms(bucket: int) -> float:
    """What a duration in a bucket is taken for, in milliseconds."""
    return 2 * GAMMA ** (bucket - 1) / (GAMMA + 1) / _NS_PER_MS if bucket > 0 else 0.0


def percentiles_ms(buckets: Sequence[int], counts: Sequence[int], fractions: Sequence[float]) -> list[float]:
    """Percentiles in milliseconds, linear between neighbours, each off by ``MAX_RELATIVE_ERROR`` at most; zeros when there are none.

    ``buckets`` are in order, none twice; ``counts`` says how many durations each has, none of them zero.
    """
    ends = list(accumulate(counts))
    if not ends:
        return [0.0] * len(fractions)
    return [_percentile(buckets, ends, fraction) for fraction in fractions]


def _percentile(buckets: Sequence[int], ends: Sequence[int], fraction: float) -> float:
    rank = fraction * (ends[-1] - 1)
    below = math.floor(rank)
    low, high = (_at(buckets, ends, place) for place in (below, math.ceil(rank)))
    return low + (high - low) * (rank - below)


def _at(buckets: Sequence[int], ends: Sequence[int], place: int) -> float:
    """The latency at a place, counted from 0, among all in order."""
    return next(latency_ms(bucket) for bucket, end in zip(buckets, ends, strict=True) if place < end)
