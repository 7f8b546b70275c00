"""Means and shares with 95 % confidence intervals. Nothing is drawn by lot: the same numbers give the same digits.

Sources: Welch (1947) and Satterthwaite (1946) for weighted sums of means; Wilson (1927) for shares; Zou and Donner (2008), whose
way of recovering variances from intervals is Newcombe's (1998) for two shares, for weighted sums of shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from storage.replay import Moments

LEVEL = 0.95
_Z = 1.959963984540054
_TAIL = (1 - LEVEL) / 2
_MAX_T = 1_000.0
_MAX_STEPS = 300
_TINY = 1e-300


class Interval(NamedTuple):
    """An estimate, with the ends of its interval."""

    estimate: float
    low: float
    high: float


class Share(NamedTuple):
    """So many of so many."""

    hits: int
    total: int


def mean_of(moments: Moments) -> float:
    """The mean; there must be a value."""
    return moments.total / moments.count


def variance_of(moments: Moments) -> float:
    """The variance of a sample of two values or more."""
    count = moments.count
    return (count * moments.squares - moments.total**2) / (count * (count - 1))


def sum_of_means(parts: Iterable[tuple[int, Moments]]) -> Interval:
    """The sum of means, each with its weight. Every mean is of two values or more."""
    estimate = variance = freedom = 0.0
    for weight, moments in parts:
        estimate += weight * mean_of(moments)
        part = weight * weight * variance_of(moments) / moments.count
        variance += part
        freedom += part * part / (moments.count - 1)
    if variance <= 0 or freedom <= 0:
        return Interval(estimate, estimate, estimate)
    margin = student_quantile(variance * variance / freedom) * math.sqrt(variance)
    return Interval(estimate, estimate - margin, estimate + margin)


def wilson(share: Share) -> Interval:
    """A share with its score interval."""
    rate = share.hits / share.total
    squared = _Z * _Z
    scale = 1 + squared / share.total
    middle = (rate + squared / (2 * share.total)) / scale
    margin = _Z * math.sqrt(rate * (1 - rate) / share.total + squared / (4 * share.total**2)) / scale
    # Rounding must not leave the estimate outside.
    return Interval(rate, min(max(middle - margin, 0.0), rate), max(min(middle + margin, 1.0), rate))


def sum_of_shares(parts: Iterable[tuple[int, Share]]) -> Interval:
    """The sum of shares, each with its weight."""
    estimate = below = above = 0.0
    for weight, share in parts:
        found = wilson(share)
        ends = (weight * found.low, weight * found.high)
        estimate += weight * found.estimate
        below += (weight * found.estimate - min(ends)) ** 2
        above += (max(ends) - weight * found.estimate) ** 2
    return Interval(estimate, estimate - math.sqrt(below), estimate + math.sqrt(above))


def student_quantile(freedom: float) -> float:
    """What Student's t exceeds with a chance of 2.5 %."""
    low, high = 0.0, _MAX_T
    for _ in range(_MAX_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        # The upper tail of t is half of the incomplete beta function at freedom / (freedom + t²).
        tail = _incomplete_beta(freedom / (freedom + middle * middle), freedom / 2, 0.5) / 2
        low, high = (middle, high) if tail > _TAIL else (low, middle)
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function. Source: DLMF 8.17.22, by Lentz's method."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction


def _away(value: float) -> float:
    """Not zero."""
    return value if abs(value) > _TINY else _TINY
