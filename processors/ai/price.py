"""What a model call cost: as its span reports, or as the price data say, with every line of the calculation.

docs/costs.md explains it for users.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from processors.ai.price_book import Call, PriceBook
from processors.ai.price_overlay import NO_OVERLAY, Overlay
from processors.ai.price_rate import BUCKETS, Counts, Rate, RateDay, counts_of, input_of, plain_text
from processors.ai.reported import CURRENCY, Reported
from storage.api import DEFAULT_WORKSPACE_ID
from tracedata.interaction import MODEL_OPERATIONS, NO_COST, Cost, CostLine, Interaction

_DAY_NS = 86_400_000_000_000
# 1970-01-01, as the days of the calendar are counted.
_EPOCH = date(1970, 1, 1).toordinal()
# Names come from senders, so what is remembered of them is bounded.
_MAX_REMEMBERED = 8_192
_MAX_UNMAPPED = 1_000
# No call of a model costs a million dollars; such a number is a mistake, and would drown every sum.
_MAX_AMOUNT = 1_000_000.0
# Below both, two amounts are the same: rounding, and dust.
_TOLERANCE = 0.01
_DUST = 1e-7
_ZERO = Decimal(0)
_REQUEST = BUCKETS.index("request")
_LAST_DAY = date.max.toordinal() - _EPOCH

_Key: TypeAlias = tuple[str, str, str, str, str, str, int, int]


class Prices:
    """Costs of model calls. One object is used by one thread; it reads no file and no network."""

    def __init__(self, overlay: Overlay = NO_OVERLAY, *, place: str = "prices") -> None:
        """Reads the bundled prices.

        Raises:
            CallerError: an alias of the overlay leads nowhere; the message begins with ``place``.
        """
        self._book = PriceBook(overlay, place=place)
        self._remembered: dict[_Key, RateDay | None] = {}
        self._unmapped: Counter[tuple[str, str]] = Counter()

    @property
    def unmapped(self) -> Mapping[tuple[str, str], int]:
        """Calls that had usage and no price, by provider and model, since this object was made; a thousand pairs at most."""
        return dict(self._unmapped)

    def cost(
        self, interaction: Interaction, reported: Reported | None = None, *, workspace_id: int = DEFAULT_WORKSPACE_ID
    ) -> Cost:
        """The cost of a call, at the prices of the time when it began.

        A reported amount wins when it is more than zero, or when the usage is known too. Neither an operation that calls no model
        nor a model without a price has a cost. The lines add up to ``computed`` exactly, before that is made a float.
        """
        if interaction.operation not in MODEL_OPERATIONS:
            return NO_COST
        counts = counts_of(interaction.usage)
        has_usage = _has_usage(interaction, counts)
        computed = self._computed(interaction, counts, workspace_id) if has_usage else NO_COST
        if reported is None or not _is_credible(reported, has_usage=has_usage):
            return computed
        return _reported(reported, computed, is_estimated=interaction.usage.is_estimated)

    def _computed(self, interaction: Interaction, counts: Counts, workspace_id: int) -> Cost:
        day, since_midnight = divmod(interaction.start_time_unix_nano, _DAY_NS)
        rates = self._rates(interaction, day, workspace_id)
        if rates is not None:
            rate = rates.rates[0] if len(rates.rates) == 1 else rates.at(since_midnight // 1_000)
            cost = _calculated(rate, counts, is_estimated=interaction.usage.is_estimated)
            if cost is not None:
                return cost
        pair = (interaction.provider, interaction.model)
        if pair in self._unmapped or len(self._unmapped) < _MAX_UNMAPPED:
            self._unmapped[pair] += 1
        return NO_COST

    def _rates(self, interaction: Interaction, day: int, workspace_id: int) -> RateDay | None:
        parameters = interaction.parameters
        workspace = workspace_id if self._book.has_workspaces else 0
        key: _Key = (
            interaction.provider,
            interaction.model_served,
            interaction.model_requested,
            interaction.endpoint,
            _word(parameters.get("service_tier")) if parameters else "",
            _word(parameters.get("speed")) if parameters else "",
            day,
            workspace,
        )
        if key in self._remembered:
            return self._remembered[key]
        provider, served, requested, endpoint, service_tier, speed, _, _ = key
        call = Call(
            provider=provider,
            models=tuple(dict.fromkeys(filter(None, (served, requested)))),
            endpoint=endpoint,
            service_tier=service_tier,
            speed=speed,
            workspace_id=workspace,
        )
        rates = self._book.rates(call, date.fromordinal(_EPOCH + min(max(day, 0), _LAST_DAY)))
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = rates
        return rates


def _word(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""


def _has_usage(interaction: Interaction, counts: Counts) -> bool:
    """Whether tokens are known. Zeros beside an answer are those of who did not count: an answer has tokens."""
    return any(counts[:_REQUEST]) or (interaction.usage.total is not None and not interaction.response)


def _is_credible(reported: Reported, *, has_usage: bool) -> bool:
    if not math.isfinite(reported.amount) or not 0 <= reported.amount <= _MAX_AMOUNT:
        return False
    return reported.amount > 0 or has_usage


def _calculated(rate: Rate, counts: Counts, *, is_estimated: bool) -> Cost | None:
    """The cost at a rate; None when it has no price for any of the tokens."""
    band = rate.band(input_of(counts) if rate.bounds else 0)
    lines: list[CostLine] = []
    total = _ZERO
    is_priced = False
    for index, count in enumerate(counts):
        if not count:
            continue
        unit = band[index]
        if unit is not None:
            amount = unit.of_one * count
            total += amount
            is_priced = True
            lines.append(
                CostLine(bucket=unit.bucket, tokens=count, per_million=unit.per_million, amount=plain_text(amount))
            )
        elif index < _REQUEST:
            lines.append(CostLine(bucket=BUCKETS[index], tokens=count, per_million="", amount="0"))
    if not is_priced and (lines or not any(band)):
        return None
    if rate.discount is not None:
        discount = -total * rate.discount / 100
        total += discount
        name = f"discount {plain_text(rate.discount)}%"
        lines.append(CostLine(bucket=name, tokens=0, per_million="", amount=plain_text(discount)))
    if total > _MAX_AMOUNT:
        return None
    amount_usd = float(total)
    source = f"{'estimated' if is_estimated else 'computed'}:{rate.source}"
    return Cost(amount=amount_usd, source=source, computed=amount_usd, price=rate.price, lines=lines)


def _reported(reported: Reported, computed: Cost, *, is_estimated: bool) -> Cost:
    """A reported cost, beside what was computed. Amounts in different currencies, and estimates, say nothing of each other."""
    source = f"reported:{reported.key}"
    currency = reported.currency.upper()
    if currency != CURRENCY:
        return Cost(amount=reported.amount, currency=currency, source=source)
    return Cost(
        amount=reported.amount,
        source=source,
        computed=computed.computed,
        computed_by=computed.source,
        is_discrepant=not is_estimated and _differ(reported.amount, computed.computed),
        price=computed.price,
        lines=computed.lines,
    )


def _differ(amount: float, computed: float | None) -> bool:
    if computed is None:
        return False
    difference = abs(amount - computed)
    return difference > _DUST and difference > _TOLERANCE * max(amount, computed)
