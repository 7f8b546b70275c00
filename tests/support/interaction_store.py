"""Interactions of one implementation under test: where to put them and where to ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import psycopg

from storage.api import DEFAULT_WORKSPACE_ID
from storage.interaction_reader import (
    InteractionFilter,
    InteractionPage,
    InteractionQuestion,
    InteractionReader,
    InteractionSearch,
)
from storage.postgres.interaction_row import INTERACTION_COLUMNS, encode_interaction
from storage.postgres.rollup_mark import mark, minute_of_stored
from storage.postgres.search_index import index_once
from storage.postgres.table import Table
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.factory import BASE_US, HOUR_US
from tests.support.memory_interactions import MemoryInteractions
from tracedata import Batch, Interaction, LogRecord, Span

_TABLE = Table("ai_interactions", INTERACTION_COLUMNS)


class InteractionPlace(Protocol):
    """Takes interactions, and spans beside them, so that a reader finds both."""

    async def put(self, interactions: Sequence[Interaction], *, workspace_id: int) -> None: ...

    async def put_spans(self, spans: Iterable[Span], log_records: Iterable[LogRecord]) -> None: ...


class MemoryPlace:
    """The double."""

    def __init__(self, double: MemoryInteractions) -> None:
        self._double = double

    async def put(self, interactions: Sequence[Interaction], *, workspace_id: int) -> None:
        self._double.put(*interactions, workspace_id=workspace_id)

    async def put_spans(self, spans: Iterable[Span], log_records: Iterable[LogRecord]) -> None:
        self._double.put_spans(spans, log_records)


class PostgresPlace:
    """PostgreSQL; what is put there is indexed at once."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def put(self, interactions: Sequence[Interaction], *, workspace_id: int) -> None:
        await put_rows(self._dsn, interactions, workspace_id=workspace_id)
        await index_once(self._dsn)

    async def put_spans(self, spans: Iterable[Span], log_records: Iterable[LogRecord]) -> None:
        writer = PostgresSpanWriter(WriterConfig(dsn=self._dsn))
        await writer.start()
        try:
            await writer.consume(
                Batch(workspace_id=DEFAULT_WORKSPACE_ID, spans=list(spans), log_records=list(log_records))
            )
        finally:
            await writer.aclose()


async def put_rows(dsn: str, interactions: Sequence[Interaction], *, workspace_id: int = DEFAULT_WORKSPACE_ID) -> None:
    """Stores rows, notes that they are to be rolled up, and nothing else."""
    rows = [encode_interaction(one, workspace_id=workspace_id) for one in interactions]
    minutes = {minute_of_stored(one.start_time_unix_nano) for one in interactions}
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await _TABLE.copy(connection, rows)
        await mark(connection, {(workspace_id, "ai_interactions"): minutes})


class InteractionStore:
    """Both halves, with the questions that tests ask most."""

    def __init__(self, reader: InteractionReader, place: InteractionPlace) -> None:
        self.reader = reader
        self._place = place

    async def put(self, *interactions: Interaction, workspace_id: int = DEFAULT_WORKSPACE_ID) -> None:
        await self._place.put(interactions, workspace_id=workspace_id)

    async def put_spans(self, *spans: Span, log_records: Iterable[LogRecord] = ()) -> None:
        await self._place.put_spans(spans, log_records)

    async def found(self, where: InteractionFilter) -> list[bytes]:
        """The span ids of what matches, newest first."""
        return span_ids(await self.reader.find(InteractionQuestion(where=where, limit=100)))

    async def hits(self, text: str, where: InteractionFilter) -> list[bytes]:
        """The span ids of what a search finds, best first."""
        page = await self.reader.search(InteractionSearch(where=where, text=text, limit=100))
        return [hit.interaction.span_id for hit in page.items]


def span_ids(page: InteractionPage) -> list[bytes]:
    return [one.span_id for one in page.items]


def everything() -> InteractionFilter:
    """All calls of models within an hour of ``BASE_US``."""
    return InteractionFilter(workspace_id=DEFAULT_WORKSPACE_ID, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US)
