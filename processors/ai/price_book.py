"""Whose prices hold for a call, and which: an operator's overlay over the bundled data of genai-prices, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib.metadata import version

import msgspec
from genai_prices.data import providers as bundled_providers
from genai_prices.types import (
    ClauseEquals,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    Tier,
    TieredPrices,
)

from processors.ai.price_name import is_intermediary, model_spellings, prefix_of, provider_spellings
from processors.ai.price_overlay import BucketPrices, CustomModel, Discount, Overlay, Period, glob_matcher, overlay_hash
from processors.ai.price_rate import Rate, RateDay, make_bands, moment_of, starts_of
from tracedata import CallerError

DATA_VERSION = f"genai-prices-{version('genai-prices')}"

# By bucket of the overlay: the price in the words of genai-prices. What is priced by call is counted there in thousands.
_PRICE_KEYS = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_5m": "cache_write_5m_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "audio_input": "input_audio_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_output": "output_audio_mtok",
    "request": "requests_kcount",
}
_SERVICE_TIER = "service_tier"
_BATCH = "batch"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """All of a call that its prices depend on, but for the time of day and the tokens. ``models``: served first, then requested."""

    provider: str
    models: tuple[str, ...]
    endpoint: str
    service_tier: str
    speed: str
    workspace_id: int


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """Whose prices hold, and the names by which discounts may know the call."""

    provider_id: str
    model: ModelInfo
    is_own: bool
    # Variants of prices hold only with the provider that states them: another's batch prices are not its.
    has_variants: bool = True


class PriceBook:
    """Finds prices. Nothing is kept here: who asks often remembers the answers."""

    def __init__(self, overlay: Overlay, *, place: str = "prices") -> None:
        """Checks that aliases lead to prices.

        Raises:
            CallerError: one does not; the message begins with ``place``.
        """
        self._providers: list[Provider] = bundled_providers
        self._overlay = overlay
        self._custom = [
            (glob_matcher(model.provider), glob_matcher(model.model), model, _periods(model))
            for model in overlay.models
        ]
        self._discounts = [
            (glob_matcher(discount.provider), glob_matcher(discount.model), discount) for discount in overlay.discounts
        ]
        suffix = overlay_hash(overlay)
        self._own_version = f"{DATA_VERSION}+overlay-{suffix}" if suffix else DATA_VERSION
        self.has_workspaces = any(discount.workspace is not None for discount in overlay.discounts)
        self._check_targets(place)

    def rates(self, call: Call, day: date) -> RateDay | None:
        """The rates of a call on a day, or None when nobody knows any."""
        found = self._find(call, day)
        if found is None:
            return None
        context = _context(call) if found.has_variants else None
        discount = self._discount(call, found)
        is_own = found.is_own or discount is not None
        starts = starts_of(found.model)
        rates: list[Rate] = []
        for start in starts:
            bounds, bands = make_bands(_priced(found.model, found.model.get_prices(moment_of(day, start), context)))
            rates.append(
                Rate(
                    price=f"{found.provider_id}/{found.model.id}",
                    source=self._own_version if is_own else DATA_VERSION,
                    bounds=bounds,
                    bands=bands,
                    discount=discount.percent if discount else None,
                )
            )
        return RateDay(starts=starts, rates=rates)

    def _find(self, call: Call, day: date) -> _Found | None:
        for model in call.models:
            target = self._alias(call.provider, model)
            if target is not None:
                found = self._find_target(target, day)
                return msgspec.structs.replace(found, is_own=True) if found else None
        provider = self._overlay.providers.get(call.provider.strip().lower())
        is_own = provider is not None
        provider = call.provider if provider is None else provider
        found = self._find_custom(provider, call.models, day) or self._find_bundled(
            provider, call.models, "" if is_own else call.endpoint
        )
        return msgspec.structs.replace(found, is_own=True) if found and is_own else found

    def _find_target(self, target: str, day: date) -> _Found | None:
        provider, _, model = target.partition("/")
        return self._find_custom(provider, (model,), day) or self._find_bundled(provider, (model,), "")

    def _alias(self, provider: str, model: str) -> str | None:
        """What an alias stands for: of the model's name, with its provider before it or without."""
        aliases = self._overlay.aliases
        if not aliases:
            return None
        providers = (provider.strip().lower(), *provider_spellings(provider))
        for name in model_spellings(model):
            for key in (*(f"{provider}/{name}" for provider in providers), name):
                if key in aliases:
                    return aliases[key]
        return None

    def _find_custom(self, provider: str, models: Sequence[str], day: date) -> _Found | None:
        providers = (provider.strip().lower(), *provider_spellings(provider))
        names = [name for model in models for name in model_spellings(model)]
        for provider_glob, model_glob, model, periods in self._custom:
            if _matches(provider_glob, providers) and _matches(model_glob, names):
                for period, info in periods:
                    if period.is_active(day):
                        label = providers[-1] if model.provider == "*" else model.provider
                        return _Found(provider_id=label or "*", model=info, is_own=True)
        return None

    def _find_bundled(self, provider: str, models: Sequence[str], endpoint: str) -> _Found | None:
        for model in models:
            names = model_spellings(model)
            for candidate in self._candidates(provider, names, endpoint):
                for name in names:
                    info = candidate.find_model(name, all_providers=self._providers)
                    if info is not None:
                        is_its_own = any(info is one for one in candidate.models)
                        return _Found(provider_id=candidate.id, model=info, is_own=False, has_variants=is_its_own)
        return None

    def _candidates(self, provider: str, names: Sequence[str], endpoint: str) -> Iterator[Provider]:
        """Who may have answered: the one that the address belongs to, the named one, or, if none is named, who has such a model."""
        if endpoint:
            url = endpoint if "://" in endpoint else f"https://{endpoint}"
            yield from (one for one in self._providers if re.match(one.api_pattern, url))
        if not is_intermediary(provider):
            yield from self._by_name(provider)
            return
        prefix = prefix_of(names[0]) if names else ""
        if prefix:
            yield from self._by_name(prefix)
        for name in names:
            yield from (one for one in self._providers if one.model_match and one.model_match.is_match(name))

    def _by_name(self, provider: str) -> Iterator[Provider]:
        for spelling in provider_spellings(provider):
            exact = [one for one in self._providers if one.id == spelling]
            similar = (one for one in self._providers if one.provider_match and one.provider_match.is_match(spelling))
            found = exact[0] if exact else next(similar, None)
            if found:
                yield found
                return

    def _discount(self, call: Call, found: _Found) -> Discount | None:
        providers = (call.provider.strip().lower(), *provider_spellings(call.provider), found.provider_id)
        names = [name for model in call.models for name in model_spellings(model)]
        for provider_glob, model_glob, discount in self._discounts:
            is_its = discount.workspace is None or discount.workspace == call.workspace_id
            if is_its and _matches(provider_glob, providers) and _matches(model_glob, (*names, found.model.id.lower())):
                return discount
        return None

    def _check_targets(self, place: str) -> None:
        for name, target in self._overlay.aliases.items():
            days = [period.from_ for model in self._overlay.models for period in model.prices]
            if not any(self._find_target(target, day) for day in (date.min, *days)):
                raise CallerError(f"{place}.aliases.{name}: there are no prices of {target}")
        for name, target in self._overlay.providers.items():
            own = any(_matches(glob, (target,)) for glob, _, _, _ in self._custom)
            if not own and next(self._by_name(target), None) is None:
                raise CallerError(f"{place}.providers.{name}: there are no prices of {target}")


def _matches(glob: re.Pattern[str], names: Sequence[str]) -> bool:
    return any(glob.fullmatch(name) for name in names)


def _context(call: Call) -> Mapping[str, str] | None:
    context: dict[str, str] = {}
    if call.service_tier:
        context[_SERVICE_TIER] = call.service_tier
    if call.service_tier == _BATCH:
        # Providers report batches as a tier; the data have them as a way of processing.
        context["processing"] = _BATCH
    if call.speed:
        context["speed"] = call.speed
    return context or None


def _priced(model: ModelInfo, prices: ModelPrice) -> ModelPrice:
    """The data leave prices of zero out; only a name that says so tells them from prices that nobody knows."""
    if model.id.endswith(":free") and not any(price is not None for price in vars(prices).values()):
        return ModelPrice(input_mtok=Decimal(0), output_mtok=Decimal(0))
    return prices


def _periods(model: CustomModel) -> Sequence[tuple[Period, ModelInfo]]:
    return [(period, _model_info(model.model, period)) for period in model.prices]


def _model_info(name: str, period: Period) -> ModelInfo:
    variants = [
        PriceVariant(when={_SERVICE_TIER: tier.lower()}, prices=ModelPrice(**_plain(prices)))
        for tier, prices in period.service_tiers.items()
    ]
    return ModelInfo(
        id=name, match=ClauseEquals(name), prices=ModelPrice(**_tiered(period)), price_variants=variants or None
    )


def _plain(prices: BucketPrices) -> dict[str, Decimal | TieredPrices | None]:
    return {_PRICE_KEYS[bucket]: _scaled(bucket, price) for bucket, price in prices.items()}


def _tiered(period: Period) -> dict[str, Decimal | TieredPrices | None]:
    prices: dict[str, Decimal | TieredPrices | None] = {}
    for bucket, price in period.items():
        tiers = [
            Tier(start=tier.above, price=_scaled(bucket, above))
            for tier in period.tiers
            for name, above in tier.items()
            if name == bucket
        ]
        base = _scaled(bucket, price)
        prices[_PRICE_KEYS[bucket]] = TieredPrices(base=base, tiers=tiers) if tiers else base
    return prices


def _scaled(bucket: str, price: Decimal) -> Decimal:
    return price * 1000 if bucket == "request" else price
