"""An ``ExportReader`` that gives what it is told to, for tests of what stands before a store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from storage.decision_reader import DecisionFilter
from storage.export import TraceSelection
from storage.interaction_reader import InteractionFilter
from tracedata import Decision, Interaction, Span

_T = TypeVar("_T")


@dataclass
class _Canned(Generic[_T]):
    reader: CannedExport
    items: Sequence[Sequence[_T]]
    expected: int | None

    async def portions(self) -> AsyncIterator[Sequence[_T]]:
        for portion in self.items:
            self.reader.given += 1
            yield portion
        if self.reader.broken_in_the_middle is not None:
            raise self.reader.broken_in_the_middle


@dataclass
class CannedExport:
    """Answers from its fields. ``given`` counts portions, ``open`` exports under way; ``asked`` keeps the last question."""

    span_portions: Sequence[Sequence[Span]] = ()
    interaction_items: Sequence[Interaction] = ()
    decision_items: Sequence[Decision] = ()
    expected: int | None = None
    broken_at_once: Exception | None = None
    broken_in_the_middle: Exception | None = None
    given: int = 0
    open: int = 0
    asked: list[TraceSelection | InteractionFilter | DecisionFilter] = field(default_factory=list)

    async def start(self) -> None:
        """Nothing to start."""

    async def aclose(self) -> None:
        """Nothing to release."""

    @asynccontextmanager
    async def spans(self, selection: TraceSelection) -> AsyncIterator[_Canned[Span]]:
        async with self._opened(selection):
            yield _Canned(self, self.span_portions, self.expected)

    @asynccontextmanager
    async def interactions(self, where: InteractionFilter) -> AsyncIterator[_Canned[Interaction]]:
        async with self._opened(where):
            yield _Canned(self, [self.interaction_items], self.expected)

    @asynccontextmanager
    async def decisions(self, where: DecisionFilter) -> AsyncIterator[_Canned[Decision]]:
        async with self._opened(where):
            yield _Canned(self, [self.decision_items], self.expected)

    @asynccontextmanager
    async def _opened(self, asked: TraceSelection | InteractionFilter | DecisionFilter) -> AsyncIterator[None]:
        self.asked.append(asked)
        if self.broken_at_once is not None:
            raise self.broken_at_once
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
