"""The wiring of AI interactions once spans are stored: who settles them, and who makes them or their costs anew."""

from __future__ import annotations

from functools import cache

from processors.ai.mapper import Mapper
from processors.ai.relevance import is_relevant, is_relevant_record
from processors.ai.reported import Reported
from relayscope.price import build_prices
from relayscope.settings import Settings
from storage.interaction import (
    MapInteractions,
    MapOf,
    PriceInteraction,
    PriceOf,
    Relevance,
    Repricing,
    Reprocessing,
    SettlementInstruments,
)
from storage.postgres.repricing import RepriceConfig, StoredRepricing
from storage.postgres.reprocessing import ReprocessConfig, StoredReprocessing
from storage.postgres.settlement import Settlement, SettlementConfig
from tracedata import Interaction
from tracedata.interaction import Cost

_REPORTED = "reported:"
_RELEVANCE = Relevance(span=is_relevant, log_record=is_relevant_record)


def build_map_of(settings: Settings) -> MapOf:
    """What makes interactions of stored spans and log records, by workspace; for one thread.

    Raises:
        CallerError: the operator's prices cannot be read or used; the message names the place.
    """
    prices = build_prices(settings)

    @cache
    def map_of(workspace_id: int) -> MapInteractions:
        def price(interaction: Interaction, reported: Reported | None) -> Cost:
            return prices.cost(interaction, reported, workspace_id=workspace_id)

        return Mapper(price).interactions

    return map_of


def build_price_of(settings: Settings) -> PriceOf:
    """What says the cost of a stored interaction, by workspace. What was reported is read from the cost that it has.

    Raises:
        CallerError: the operator's prices cannot be read or used; the message names the place.
    """
    prices = build_prices(settings)

    @cache
    def price_of(workspace_id: int) -> PriceInteraction:
        def price(interaction: Interaction) -> Cost:
            return prices.cost(interaction, _reported(interaction.cost), workspace_id=workspace_id)

        return price

    return price_of


def _reported(cost: Cost) -> Reported | None:
    if cost.amount is None or not cost.source.startswith(_REPORTED):
        return None
    return Reported(amount=cost.amount, currency=cost.currency, key=cost.source.removeprefix(_REPORTED))


def build_settlement(settings: Settings, dsn: str, *, instruments: SettlementInstruments | None = None) -> Settlement:
    """What settles interactions of traces that come in parts. Every API process brings it, and one at a time leads."""
    config = SettlementConfig(dsn=dsn, partition_width=settings.storage.partition_width)
    return Settlement(config, build_map_of(settings), relevance=_RELEVANCE, instruments=instruments)


def build_reprocessing(settings: Settings, dsn: str) -> Reprocessing:
    """What makes stored interactions anew."""
    config = ReprocessConfig(dsn=dsn, partition_width=settings.storage.partition_width)
    return StoredReprocessing(config, build_map_of(settings), relevance=_RELEVANCE)


def build_repricing(settings: Settings, dsn: str) -> Repricing:
    """What computes stored costs anew."""
    return StoredRepricing(RepriceConfig(dsn=dsn), build_price_of(settings))
