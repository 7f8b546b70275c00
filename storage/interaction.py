"""Interactions once they are stored: who makes them anew, and what that tells.

Nothing told here holds a value of a span: names of our own fields, counts, providers and models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec

from tracedata import Interaction
from tracedata.interaction import Cost

# The cost of a stored interaction; one that was reported stays.
PriceInteraction: TypeAlias = Callable[[Interaction], Cost]
PriceOf: TypeAlias = Callable[[int], PriceInteraction]


class SettlementInstruments(Protocol):
    """What settling tells. Must not raise."""

    def settled(self, *, traces: int, failed: int, oversized: int, changed: int) -> None:
        """So many traces were looked at; of ``failed`` and ``oversized`` ones the rows stay as they were.

        ``changed`` counts rows that were added, removed or replaced.
        """
        ...

    def lagged(self, seconds: Sequence[float]) -> None:
        """How long after they were noted arrivals were settled, each."""
        ...

    def backlog(self, *, arrivals: int, waiting: int) -> None:
        """What there is now, counted up to 100,000: arrivals to be settled, and traces of which something is missing."""
        ...


class ReprocessProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """After a page. Everything before ``done_until`` is done: a run can go on from there.

    Counts are those of the run so far, interactions and decisions together.
    """

    done_until: datetime
    traces: int
    added: int
    removed: int
    changed: int


class Remade(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Interactions, or decisions, of a run: how many there are now, and what that changes of the rows before.

    ``fields`` counts, by field, those in which it differs.
    """

    total: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    fields: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])


class Reprocessed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a run did, or would do.

    ``failed`` traces are those that a mapper could not take, ``oversized`` those that are too large to be read as a whole; their
    rows stay as they were.
    """

    since: datetime
    until: datetime
    is_dry_run: bool
    traces: int
    interactions: Remade
    decisions: Remade
    failed: int
    oversized: int


class UnmappedModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A model for which there is no price, and what was used of it."""

    provider: str
    model: str
    calls: int
    tokens: int


class RepriceProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """After a page. Everything before ``done_until`` is done: a run can go on from there. Counts are those of the run so far."""

    done_until: datetime
    interactions: int
    changed: int


class CurrencyTotal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The sum of the costs in a currency, before and after."""

    currency: str
    before: float
    after: float


class Repriced(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a run did, or would do. ``unmapped`` has what was used most first."""

    since: datetime
    until: datetime
    is_dry_run: bool
    interactions: int
    changed: int
    totals: Sequence[CurrencyTotal]
    unmapped: Sequence[UnmappedModel]


OnReprocess: TypeAlias = Callable[[ReprocessProgress], None]
OnReprice: TypeAlias = Callable[[RepriceProgress], None]


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From ``since`` on, up to but not including ``until``."""

    since: datetime
    until: datetime


class Reprocessing(Protocol):
    """Makes the interactions and decisions of what is stored anew. What was done stays, whatever stops it."""

    async def reprocess(self, period: Period, *, dry_run: bool, on_progress: OnReprocess | None = None) -> Reprocessed:
        """Runs the mappers over the traces with a span or log record that starts in the period, the oldest first.

        Raises:
            RelayscopeError: the database cannot be reached or is too busy.
        """
        ...


class Repricing(Protocol):
    """Computes the costs of what is stored anew, without mapping it again."""

    async def reprice(self, period: Period, *, dry_run: bool, on_progress: OnReprice | None = None) -> Repriced:
        """Asks for the cost of every model call that starts in the period, the oldest first.

        Raises:
            RelayscopeError: the database cannot be reached or is too busy.
        """
        ...
