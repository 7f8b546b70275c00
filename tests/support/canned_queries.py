"""A ``TraceQueryReader`` with prepared answers, for tests of what stands before a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from storage.trace_query import MatchPage, SeriesPoint, SeriesQuery, TraceQuery


@dataclass
class CannedQueries:
    """Answers from its fields; ``asked`` keeps the last question. With ``broken``, nothing can be reached."""

    page: MatchPage = field(default_factory=lambda: MatchPage(matches=()))
    points: Sequence[SeriesPoint] = ()
    broken: Exception | None = None
    asked: TraceQuery | SeriesQuery | None = None

    async def find_matches(self, query: TraceQuery) -> MatchPage:
        self._ask(query)
        return self.page

    async def measure(self, query: SeriesQuery) -> Sequence[SeriesPoint]:
        self._ask(query)
        return self.points

    def _ask(self, query: TraceQuery | SeriesQuery) -> None:
        self.asked = query
        if self.broken is not None:
            raise self.broken
