"""The wiring of AI interactions and decisions once spans are stored: who settles them, and who makes them or costs anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from processors.ai import relevance as ai_relevance
from processors.ai.mapper import Mapper
from processors.ai.reported import Reported
from processors.decisions import relevance as decision_relevance
from processors.decisions.mapper import DecisionMapper
from relayscope.price import build_prices
from relayscope.settings import Settings
from storage.derivation import Derive, Derived, DeriveOf, Relevance
from storage.interaction import (
    PriceInteraction,
    PriceOf,
    Repricing,
    Reprocessing,
    SettlementInstruments,
)
from storage.postgres.repricing import RepriceConfig, StoredRepricing
from storage.postgres.reprocessing import ReprocessConfig, StoredReprocessing
from storage.postgres.settlement import Settlement, SettlementConfig
from tracedata import Interaction, LogRecord, Span
from tracedata.interaction import Cost

_REPORTED = "reported:"


def _is_relevant(span: Span) -> bool:
    return ai_relevance.is_relevant(span) or decision_relevance.is_relevant(span)


def _is_relevant_record(record: LogRecord) -> bool:
    return ai_relevance.is_relevant_record(record) or decision_relevance.is_relevant_record(record)


_RELEVANCE = Relevance(span=_is_relevant, log_record=_is_relevant_record)


def build_derive_of(settings: Settings) -> DeriveOf:
    """What makes interactions and decisions of stored spans and log records, by workspace; for one thread.

    Raises:
        CallerError: the operator's prices cannot be read or used; the message names the place.
    """
    prices = build_prices(settings)

    @cache
    def derive_of(workspace_id: int) -> Derive:
        def price(interaction: Interaction, reported: Reported | None) -> Cost:
            return prices.cost(interaction, reported, workspace_id=workspace_id)

        mapper, decision_mapper = Mapper(price), DecisionMapper()

        def derive(spans: Sequence[Span], log_records: Sequence[LogRecord]) -> Derived:
            interactions = mapper.interactions(spans, log_records)
            decisions = decision_mapper.decisions(spans, log_records, interactions)
            return Derived(interactions=interactions, decisions=decisions)

        return derive

    return derive_of


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
    """What settles interactions and decisions of traces that come in parts. Every API process brings it, and one at a time leads."""
    config = SettlementConfig(dsn=dsn, partition_width=settings.storage.partition_width)
    return Settlement(config, build_derive_of(settings), relevance=_RELEVANCE, instruments=instruments)


def build_reprocessing(settings: Settings, dsn: str) -> Reprocessing:
    """What makes stored interactions and decisions anew."""
    config = ReprocessConfig(dsn=dsn, partition_width=settings.storage.partition_width)
    return StoredReprocessing(config, build_derive_of(settings), relevance=_RELEVANCE)


def build_repricing(settings: Settings, dsn: str) -> Repricing:
    """What computes stored costs anew."""
    return StoredRepricing(RepriceConfig(dsn=dsn), build_price_of(settings))
