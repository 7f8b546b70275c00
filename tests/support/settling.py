"""Settling in tests: until nothing is left to do, and what is stored then."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from psycopg import sql

from storage.derivation import Derive, Derived, Relevance
from storage.postgres.evidence import Bounds
from storage.postgres.interaction_row import INTERACTION_COLUMNS, interaction_of
from storage.postgres.remapping import Remapper
from storage.postgres.settlement import Unobserved, settling_connection
from storage.postgres.settling import Settler
from tests.support.simple_mapper import simple_interactions
from tracedata import Interaction, LogRecord, Span

_STORED = sql.SQL(
    "SELECT {} FROM relayscope.ai_interactions WHERE workspace_id = %(workspace_id)s ORDER BY trace_id, span_id"
).format(sql.SQL(", ").join(map(sql.Identifier, INTERACTION_COLUMNS)))


MapInteractions: TypeAlias = Callable[[Sequence[Span], Sequence[LogRecord]], Sequence[Interaction]]


def only_interactions(map_all: MapInteractions) -> Derive:
    """What derives interactions, and no decisions."""
    return lambda spans, log_records: Derived(interactions=map_all(spans, log_records))


class Count(Unobserved):
    """What settling told, added up."""

    def __init__(self) -> None:
        self.traces = self.failed = self.oversized = self.changed = 0
        self.lags: list[float] = []

    def settled(self, *, traces: int, failed: int, oversized: int, changed: int) -> None:
        self.traces += traces
        self.failed += failed
        self.oversized += oversized
        self.changed += changed

    def lagged(self, seconds: Sequence[float]) -> None:
        self.lags += seconds


@asynccontextmanager
async def settling(
    dsn: str,
    map_all: MapInteractions = simple_interactions,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    relevance: Relevance | None = None,
    recheck_s: float = 0.0,
    derive: Derive | None = None,
) -> AsyncIterator[tuple[Any, Settler, Count]]:
    """A connection, a settler that works over it and looks at once again at what waits, and what it tells."""
    count = Count()
    with ThreadPoolExecutor(max_workers=1) as executor:
        async with settling_connection(dsn, connect_timeout_s=5, application_name="test-settling") as connection:
            settler = Settler(
                Remapper(
                    lambda _: derive or only_interactions(map_all),
                    executor=executor,
                    bounds=bounds,
                    relevance=relevance,
                ),
                instruments=count,
                partition_width="day",
                soon_s=0.0,
                recheck_s=recheck_s,
                patience_s=86_400.0,
            )
            yield connection, settler, count


async def settle(dsn: str, map_all: MapInteractions = simple_interactions, *, derive: Derive | None = None) -> Count:
    """Settles until nothing is left to do. ``derive`` takes the place of ``map_all``."""
    async with settling(dsn, map_all, derive=derive) as (connection, settler, count):
        while await settler.round(connection):
            pass
        return count


async def stored_interactions(dsn: str, workspace_id: int = 1) -> list[Interaction]:
    """All of a workspace, by their ids."""
    async with settling_connection(dsn, connect_timeout_s=5, application_name="test-reading") as connection:
        cursor = connection.cursor(binary=True)
        parameters: Mapping[str, object] = {"workspace_id": workspace_id}
        await cursor.execute(_STORED, parameters)
        return [interaction_of(row) for row in await cursor.fetchall()]
