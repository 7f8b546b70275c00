"""What replay reads: recorded decisions, and what was observed of models meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

import msgspec

from tracedata import Decision


class DecisionKey(NamedTuple):
    """A decision by its id. Ids are unique in their trace; without one, the decisions of all traces with this id are meant."""

    decision_id: str
    trace_id: bytes | None = None


class DecisionSelection(msgspec.Struct, frozen=True, kw_only=True):
    """Which decisions are meant: those on which everything given holds. Times are Unix microseconds, the end excluded.

    ``keys`` names them one by one; either all of them have a trace, or none has.
    """

    workspace_id: int
    start_us: int
    end_us: int
    type: str | None = None
    component: str | None = None
    service: str | None = None
    rule: str | None = None
    outcome: str | None = None
    keys: Collection[DecisionKey] | None = None


class Moments(msgspec.Struct, frozen=True, kw_only=True):
    """Count, sum and sum of squares of whole numbers; exact, so that their order changes nothing."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            count=self.count + other.count, total=self.total + other.total, squares=self.squares + other.squares
        )


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed of the calls of a model for an operation, of those whose costs are in one currency, or in none.

    ``models`` are the names that the calls had in common: the one that was asked for first, then those that answered.
    ``cost_pico`` is about the calls whose cost is known, ``latency_ns`` about those that succeeded.
    """

    provider: str
    models: tuple[str, ...]
    operation: str
    calls: int
    errors: int
    currency: str = ""
    cost_pico: Moments = Moments()
    latency_ns: Moments = Moments()


class RecordedDecision(msgspec.Struct, frozen=True):
    """A decision, and for what each model was called in its trace, by the name of the model. Only routes need to know."""

    decision: Decision
    operations: Mapping[str, str] = {}


class DecisionPage(Protocol):
    """Rows that were read and not decoded yet."""

    def decode(self) -> Sequence[RecordedDecision]:
        """The decisions in the order of their time. Heavy: call it beside the event loop."""
        ...


class ReplayReading(Protocol):
    """One reading, over a connection of its own."""

    async def count(self) -> int:
        """How many decisions are selected."""
        ...

    def pages(self) -> AsyncIterator[DecisionPage]:
        """The decisions that are selected, the oldest first, in memory that does not grow with them."""
        ...

    async def observed(self) -> Sequence[Observed]:
        """What was observed of models in the time of the selection."""
        ...


class ReplayReader(Protocol):
    """Reads what is replayed."""

    def reading(self, selection: DecisionSelection) -> AbstractAsyncContextManager[ReplayReading]:
        """A reading that ends with the block.

        Raises:
            RelayscopeError: the database cannot be reached, or is too busy.
        """
        ...
