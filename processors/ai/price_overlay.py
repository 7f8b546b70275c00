"""What an operator knows better than the bundled price data: aliases, prices, discounts.

docs/costs.md explains each member. Prices are US dollars for a million tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec

from tracedata import CallerError

# More for a million tokens is a slip of the pen, such as a price for a single token in a wrong unit.
_MAX_PRICE = Decimal(1_000_000)


class BucketPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices by bucket; ``request`` is for a call. A bucket without one has that of what it is part of: input, output, cache_write."""

    input: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    audio_input: Decimal | None = None
    output: Decimal | None = None
    reasoning: Decimal | None = None
    audio_output: Decimal | None = None
    request: Decimal | None = None

    def items(self) -> Iterator[tuple[str, Decimal]]:
        """The prices that are there, by bucket."""
        for bucket in BucketPrices.__struct_fields__:
            price = getattr(self, bucket)
            if price is not None:
                yield bucket, price


class Tier(BucketPrices, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices of calls with more than ``above`` input tokens, those of the cache included."""

    above: int


class Period(BucketPrices, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices from a day on and until before another, in UTC; ``service_tiers`` hold in place of those of the same bucket."""

    from_: date = msgspec.field(default=date.min, name="from")
    until: date = date.max
    tiers: Sequence[Tier] = ()
    service_tiers: Mapping[str, BucketPrices] = msgspec.field(default_factory=dict[str, BucketPrices])

    def is_active(self, day: date) -> bool:
        return self.from_ <= day < self.until


class CustomModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Prices of the models that the globs ``model`` and ``provider`` match."""

    model: str
    prices: Sequence[Period]
    provider: str = "*"


class Discount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Percent off computed prices, of a workspace or, without a number, of all."""

    percent: Decimal
    workspace: int | None = None
    provider: str = "*"
    model: str = "*"


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``aliases`` and ``providers`` are names as spans have them, and those whose prices hold; of the rest the first that fits holds."""

    providers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    aliases: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    models: Sequence[CustomModel] = ()
    discounts: Sequence[Discount] = ()


NO_OVERLAY = Overlay()


def parse_overlay(tree: Mapping[str, Any], *, place: str) -> Overlay:
    """An overlay that can be used, of what YAML holds. Names in it are in lower case.

    Raises:
        CallerError: something in it cannot be; the message begins with ``place`` and says where.
    """
    try:
        overlay = msgspec.convert(dict(tree), Overlay)
    except msgspec.ValidationError as exc:
        problem, _, path = str(exc).partition(" - at `$.")
        raise CallerError(f"{place}{'.' * bool(path)}{path.rstrip('`')}: {problem}") from exc
    try:
        _check(overlay)
    except ValueError as exc:
        raise CallerError(f"{place}.{exc}") from exc
    return msgspec.structs.replace(overlay, providers=_lowered(overlay.providers), aliases=_lowered(overlay.aliases))


def overlay_hash(overlay: Overlay) -> str:
    """Eight digits that name the overlay in what was computed with it; nothing for one that says nothing."""
    if overlay == NO_OVERLAY:
        return ""
    return blake2b(msgspec.json.encode(overlay, order="sorted"), digest_size=4).hexdigest()


def glob_matcher(glob: str) -> re.Pattern[str]:
    """``*`` is any text; all else is itself, also brackets, which names of models have. Takes time by the length of a name only."""
    first, *middle = map(re.escape, glob.strip().lower().split("*"))
    if not middle:
        return re.compile(first)
    *middle, last = middle
    # What stands between two stars is taken where it comes first, and never looked for again.
    return re.compile(f"{first}{''.join(f'(?>.*?{part})' for part in middle)}.*{last}", re.DOTALL)


def _lowered(names: Mapping[str, str]) -> Mapping[str, str]:
    return {name.strip().lower(): target.strip().lower() for name, target in names.items()}


def _check(overlay: Overlay) -> None:
    for name, target in overlay.aliases.items():
        provider, slash, model = target.strip().partition("/")
        if not (name.strip() and provider and slash and model):
            raise ValueError(f"aliases.{name}: expected provider/model, such as openai/gpt-4o")
    for name, target in overlay.providers.items():
        if not (name.strip() and target.strip()):
            raise ValueError(f"providers.{name}: expected the name of a provider, such as openai")
    for number, custom in enumerate(overlay.models):
        _check_model(custom, f"models[{number}]")
    for number, discount in enumerate(overlay.discounts):
        if not (discount.percent.is_finite() and 0 < discount.percent <= 100):
            raise ValueError(f"discounts[{number}].percent: expected more than 0 and at most 100")


def _check_model(model: CustomModel, place: str) -> None:
    if not model.model.strip() or not model.provider.strip():
        raise ValueError(f"{place}: the names of model and provider may be *, but not empty")
    if not model.prices:
        raise ValueError(f"{place}.prices: there are none")
    for number, period in enumerate(model.prices):
        _check_period(period, f"{place}.prices[{number}]")
        for other_number, other in enumerate(model.prices[:number]):
            if period.from_ < other.until and other.from_ < period.until:
                raise ValueError(f"{place}.prices[{number}]: overlaps with prices[{other_number}]; set from and until")


def _check_period(period: Period, place: str) -> None:
    if period.from_ >= period.until:
        raise ValueError(f"{place}.until: must be after from; it is the first day of other prices")
    priced = _checked_buckets(period, place)
    if not priced:
        raise ValueError(f"{place}: has no price; zero is one")
    bounds: set[int] = set()
    for number, tier in enumerate(period.tiers):
        where = f"{place}.tiers[{number}]"
        if tier.above < 1 or tier.above in bounds:
            raise ValueError(f"{where}.above: expected a number of tokens, another one for each tier")
        bounds.add(tier.above)
        _check_base(_checked_buckets(tier, where), priced, where)
    for name, prices in period.service_tiers.items():
        _checked_buckets(prices, f"{place}.service_tiers.{name}")


def _checked_buckets(prices: BucketPrices, place: str) -> set[str]:
    buckets: set[str] = set()
    for bucket, price in prices.items():
        if not (price.is_finite() and 0 <= price <= _MAX_PRICE):
            raise ValueError(f"{place}.{bucket}: expected dollars for a million tokens, from 0 to {_MAX_PRICE}")
        buckets.add(bucket)
    return buckets


def _check_base(buckets: set[str], priced: set[str], place: str) -> None:
    missing = sorted(buckets - priced)
    if missing:
        raise ValueError(f"{place}.{missing[0]}: needs a price without tier too")
