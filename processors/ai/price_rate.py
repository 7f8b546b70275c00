"""Prices of a model on a day, made ready to be multiplied."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint

from tracedata.interaction import Usage

# The disjoint buckets, in the order of the lines of a cost, each with the prices that can hold for it, its own first: what has
# no price of its own has that of what contains it. Source: genai_prices.data_units.
_BUCKETS: Mapping[str, Sequence[str]] = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
    "audio_input": ("input_audio_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_output": ("output_audio_mtok", "output_mtok"),
    "request": ("requests_kcount",),
}
BUCKETS = tuple(_BUCKETS)
_INPUTS = BUCKETS.index("output")
_PER_THOUSAND = 3
_PER_MILLION = 6

Counts: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int]


class UnitPrice(msgspec.Struct, frozen=True):
    """The price of one token, exactly, and of a million as text."""

    bucket: str
    of_one: Decimal
    per_million: str


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Prices by bucket, as in ``BUCKETS``, for each band of input tokens: those with more than ``bounds[i]`` are of ``bands[i + 1]``."""

    price: str
    source: str
    bounds: Sequence[int]
    bands: Sequence[Sequence[UnitPrice | None]]
    discount: Decimal | None = None

    def band(self, input_tokens: int) -> Sequence[UnitPrice | None]:
        return self.bands[bisect_left(self.bounds, input_tokens)] if self.bounds else self.bands[0]


class RateDay(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of a day: ``rates[i]`` holds from ``starts[i]`` on, in microseconds since midnight in UTC."""

    starts: Sequence[int]
    rates: Sequence[Rate]

    def at(self, microsecond: int) -> Rate:
        return self.rates[bisect_right(self.starts, microsecond) - 1]


def counts_of(usage: Usage) -> Counts:
    """Tokens by bucket, as in ``BUCKETS``; every call is one request. What of a cache's lifetime is unknown is ``cache_write``."""
    write_5m = usage.cache_write_5m or 0
    write_1h = usage.cache_write_1h or 0
    return (
        usage.input or 0,
        usage.cache_read or 0,
        max((usage.cache_write or 0) - write_5m - write_1h, 0),
        write_5m,
        write_1h,
        usage.audio_input or 0,
        usage.output or 0,
        usage.reasoning or 0,
        usage.audio_output or 0,
        1,
    )


def input_of(counts: Counts) -> int:
    """Input tokens with those of caches and of audio: what tiers go by."""
    return sum(counts[:_INPUTS])


def plain_text(number: Decimal) -> str:
    """A number as text without an exponent and without zeros at its end."""
    return format(number.normalize(), "f")


def make_bands(prices: ModelPrice) -> tuple[Sequence[int], Sequence[Sequence[UnitPrice | None]]]:
    """The bounds between bands, and the prices of each band."""
    known = {key: price for key, price in vars(prices).items() if price is not None}
    used = {key for keys in _BUCKETS.values() for key in keys}
    tiered = [price for key, price in known.items() if key in used and isinstance(price, TieredPrices)]
    bounds = sorted({tier.start for price in tiered for tier in price.tiers})
    # A number of input tokens of which each band is true: one more than its lower bound.
    return bounds, [_band(known, above + 1) for above in (-1, *bounds)]


def _band(known: Mapping[str, Decimal | TieredPrices], input_tokens: int) -> Sequence[UnitPrice | None]:
    band: list[UnitPrice | None] = []
    for bucket, keys in _BUCKETS.items():
        key = next((key for key in keys if key in known), None)
        if key is None:
            band.append(None)
            continue
        per = _PER_THOUSAND if key.endswith("_kcount") else _PER_MILLION
        of_one = _tier_price(known[key], input_tokens).scaleb(-per)
        band.append(UnitPrice(bucket, of_one, plain_text(of_one.scaleb(_PER_MILLION))))
    return tuple(band)


def _tier_price(price: Decimal | TieredPrices, input_tokens: int) -> Decimal:
    if not isinstance(price, TieredPrices):
        return price
    above = [tier.price for tier in price.tiers if input_tokens > tier.start]
    return above[-1] if above else price.base


def starts_of(model: ModelInfo) -> Sequence[int]:
    """When on a day the prices of ``model`` can change, in microseconds since midnight in UTC."""
    conditional = model.prices if isinstance(model.prices, list) else []
    starts = {0}
    for condition in (*conditional, *(model.price_variants or ())):
        if isinstance(condition.constraint, TimeOfDateConstraint):
            starts |= {_microsecond(condition.constraint.start_time), _microsecond(condition.constraint.end_time)}
    return sorted(starts)


def _microsecond(moment: time) -> int:
    """Microseconds since midnight in UTC, which is also the zone of a time without one."""
    today = datetime.combine(date(1970, 1, 2), moment.replace(tzinfo=moment.tzinfo or UTC)).astimezone(UTC)
    midnight = datetime.combine(today.date(), time(tzinfo=UTC))
    return (today - midnight) // timedelta(microseconds=1)


def moment_of(day: date, microsecond: int) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC)) + timedelta(microseconds=microsecond)
