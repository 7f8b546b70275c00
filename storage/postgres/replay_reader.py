"""Reads recorded decisions page by page, over a connection for each reading, and sums up what was observed of models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row

from storage.postgres.connection import connect
from storage.postgres.decision_row import DECISION_COLUMNS, decision_of
from storage.postgres.error import translated
from storage.postgres.read_pool import configure_reading
from storage.postgres.statement import load_statements
from storage.postgres.storable import short, stored_id
from storage.replay import DecisionPage, DecisionSelection, Moments, Observed, RecordedDecision, ReplayReading
from tracedata.interaction import MODEL_OPERATIONS

_RAW = load_statements("replay.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1_000
_ACTION = "read decisions for a replay"
# Large, and nothing that replay looks at.
_LEFT_OUT: Mapping[str, LiteralString] = {"reasoning": "NULL::text AS reasoning", "details": "'{}'::jsonb AS details"}
_ROUTE = "model_selection", "other"

# Rows are named tuples whose fields follow from the statement, which the type system cannot see.
Row = Any


def _columns() -> LiteralString:
    columns: LiteralString = "d.arrival_id"
    for name in DECISION_COLUMNS:
        # The names are a part of the program, as trustworthy as a literal in it.
        columns += ", " + _LEFT_OUT.get(name, f"d.{name}")
    return columns


def _whole(name: str) -> LiteralString:
    return _RAW[name].replace("{matches}", _RAW["matches"]).replace("{columns}", _columns())


STATEMENTS = {name: _whole(name) for name in ("count", "page", "operations", "observed")}


class ReplayReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decisions are, and how many are read at a time."""

    dsn: str
    page_rows: int = 2_000


class PostgresReplayReader:
    """See ``storage.replay.ReplayReader``."""

    def __init__(self, config: ReplayReaderConfig) -> None:
        self._config = config

    @asynccontextmanager
    async def reading(self, selection: DecisionSelection) -> AsyncIterator[ReplayReading]:
        """See ``ReplayReader.reading``."""
        async with await connect(self._config.dsn, autocommit=True) as connection:
            with translated(_ACTION):
                connection.row_factory = namedtuple_row
                # A plan must see the values: partitions are pruned by them.
                connection.prepare_threshold = None
                await configure_reading(connection)
                for name in ("begin", "patience", "by_index"):
                    await connection.execute(_RAW[name])
            yield _Reading(connection, selection, page_rows=self._config.page_rows)


class _Reading:
    def __init__(self, connection: AsyncConnection[Row], selection: DecisionSelection, *, page_rows: int) -> None:
        self._connection = connection
        self._parameters = _parameters(selection)
        self._page_rows = page_rows

    async def count(self) -> int:
        rows = await self._rows("count", self._parameters)
        return int(rows[0].decisions)

    async def pages(self) -> AsyncIterator[DecisionPage]:
        """Each page is a statement of its own, so that no old snapshot keeps the database from tidying up."""
        place: dict[str, object] = {"after_time": None, "after_trace_id": None, "after_id": None}
        while True:
            rows = await self._rows("page", {**self._parameters, **place, "limit": self._page_rows})
            if not rows:
                return
            yield _Page(rows, await self._operations(rows))
            last = rows[-1]
            place = {"after_time": _moment(last.time), "after_trace_id": last.trace_id, "after_id": last.decision_id}
            if len(rows) < self._page_rows:
                return

    async def observed(self) -> Sequence[Observed]:
        with translated(_ACTION):
            await self._connection.execute(_RAW["by_any_plan"])
        rows = await self._rows("observed", {**self._parameters, "operations": sorted(MODEL_OPERATIONS)})
        return [_observed(row) for row in rows]

    async def _operations(self, rows: Sequence[Row]) -> Sequence[Row]:
        traces = {row.trace_id for row in rows if row.type in _ROUTE and row.trace_id}
        if not traces:
            return []
        parameters = {
            "workspace_id": self._parameters["workspace_id"],
            "trace_ids": list(traces),
            "operations": sorted(MODEL_OPERATIONS),
            "first": _moment(rows[0].time),
            "last": _moment(rows[-1].time),
        }
        return await self._rows("operations", parameters)

    async def _rows(self, name: str, parameters: Mapping[str, object]) -> Sequence[Row]:
        with translated(_ACTION):
            cursor = self._connection.cursor(binary=True)
            await cursor.execute(STATEMENTS[name], parameters)
            return await cursor.fetchall()


class _Page:
    """See ``storage.replay.DecisionPage``."""

    def __init__(self, rows: Sequence[Row], operations: Sequence[Row]) -> None:
        self._rows = rows
        self._operations = operations

    def decode(self) -> Sequence[RecordedDecision]:
        by_trace: dict[bytes, dict[str, str]] = {}
        for row in self._operations:
            models = by_trace.setdefault(row.trace_id, {})
            for model in (row.model_requested, row.model_served, row.model):
                if model:
                    models.setdefault(model, row.operation)
        return [RecordedDecision(decision_of(row), by_trace.get(row.trace_id, {})) for row in self._rows]


def _parameters(selection: DecisionSelection) -> Mapping[str, object]:
    """Texts are looked for as they are stored: cut, and ids with a digest of what was cut."""
    return {
        "workspace_id": selection.workspace_id,
        "start": _moment(selection.start_us),
        "end": _moment(selection.end_us),
        "type": selection.type,
        "component": _short(selection.component),
        "service": _short(selection.service),
        "rule": None if selection.rule is None else stored_id(selection.rule),
        "rule_name": _short(selection.rule),
        "outcome": _short(selection.outcome),
        **_keys(selection),
    }


def _keys(selection: DecisionSelection) -> Mapping[str, Sequence[str] | None]:
    """Ids come as they are stored: whoever names decisions has found them in the store."""
    keys = selection.keys
    if keys is None:
        return {"ids": None, "traced_ids": None}
    has_traces = any(key.trace_id is not None for key in keys)
    return {
        "ids": None if has_traces else [key.decision_id for key in keys],
        "traced_ids": [f"{(key.trace_id or b'').hex()}/{key.decision_id}" for key in keys] if has_traces else None,
    }


def _short(text: str | None) -> str | None:
    return None if text is None else short(text)


def _moment(unix_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))


def _observed(row: Row) -> Observed:
    names = (row.model_requested or "", row.model_served or "", row.model)
    return Observed(
        provider=row.provider,
        models=tuple(dict.fromkeys(name for name in names if name)),
        operation=row.operation,
        calls=row.calls,
        errors=row.errors,
        currency=row.currency,
        cost_pico=Moments(count=row.costs, total=int(row.cost_total), squares=int(row.cost_squares)),
        latency_ns=Moments(count=row.latencies, total=int(row.latency_total), squares=int(row.latency_squares)),
    )
