"""Brings the rows of traces to what is derived of what is stored, beside writers that store more meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from psycopg import AsyncConnection, errors

from storage.postgres.error import CONFLICT_ERRORS, ROW_ERRORS, describe
from storage.postgres.evidence import TooLargeError
from storage.postgres.partition import AI_INTERACTIONS, Partitions, Signal, Width
from storage.postgres.product import PRODUCTS
from storage.postgres.remapping import Remapped, Remapper
from storage.postgres.rollup_mark import mark, minute_of_stored
from storage.postgres.statement import load_statements

_log = logging.getLogger(__name__)

_STATEMENTS = load_statements("settlement.sql")
_MAX_CONFLICTS = 10
_MAX_KNOWN_HOURS = 10_000
# How many traces are brought up to date in one transaction.
CHUNK_TRACES = 50
# It is too much, or a row of it cannot be stored: fewer traces may do better.
TOO_MUCH_ERRORS = (TooLargeError, errors.UniqueViolation, *ROW_ERRORS)

Connection = AsyncConnection[Any]
# What belongs into the transaction that brings rows up to date, after that.
Sequel: TypeAlias = Callable[[Remapped], Awaitable[None]]


async def _nothing_more(_: Remapped) -> None:
    """The end."""


class _MissingPartitionError(Exception):
    """Rows are about to go to hours whose partition may not be there."""

    def __init__(self, hours: Mapping[Signal, set[int]]) -> None:
        super().__init__()
        self.hours = hours


class Rewriter:
    """One instance a connection. Settling and reprocessing never rewrite at the same time, whatever process they are in."""

    def __init__(self, remapper: Remapper, *, partition_width: Width) -> None:
        self._remapper = remapper
        signals = [product.signal for product in PRODUCTS]
        self._partitions = {signal: Partitions(signal, width=partition_width) for signal in signals}
        self._hours: dict[Signal, set[int]] = {signal: set() for signal in signals}

    async def rewrite(
        self,
        connection: Connection,
        workspace_id: int,
        trace_ids: Sequence[bytes],
        *,
        sequel: Sequel = _nothing_more,
    ) -> Remapped:
        """Brings the rows of some traces up to date in one transaction, with those of traces that share calls with them.

        Raises:
            TOO_MUCH_ERRORS: nothing was changed; try with fewer traces, and with one by itself leave it.
            psycopg.Error: the database does not answer.
        """
        for _ in range(_MAX_CONFLICTS):
            try:
                return await self._once(connection, workspace_id, trace_ids, sequel)
            except (*CONFLICT_ERRORS, errors.UniqueViolation) as exc:
                # A writer stored a row meanwhile, or waits for one of ours.
                _log.info("settling again: %s", describe(exc))
            except _MissingPartitionError as exc:
                await self._make_partitions(connection, exc.hours)
        return await self._once(connection, workspace_id, trace_ids, sequel)

    async def look(self, connection: Connection, workspace_id: int, trace_ids: Sequence[bytes]) -> Remapped:
        """The same without changing anything."""
        async with connection.transaction(force_rollback=True):
            await connection.execute(_STATEMENTS["begin"])
            return await self._remapper.remap(connection, workspace_id, trace_ids)

    async def _once(
        self, connection: Connection, workspace_id: int, trace_ids: Sequence[bytes], sequel: Sequel
    ) -> Remapped:
        async with connection.transaction():
            await connection.execute(_STATEMENTS["begin"])
            done = await self._remapper.remap(connection, workspace_id, trace_ids)
            self._check_partitions(done)
            for one in done.differences:
                await one.replace(connection, workspace_id)
            await mark(connection, {(workspace_id, "ai_interactions"): _minutes(done)})
            await sequel(done)
            return done

    def _check_partitions(self, done: Remapped) -> None:
        hours = {one.product.signal: one.hours - self._hours[one.product.signal] for one in done.differences}
        if any(hours.values()):
            raise _MissingPartitionError(hours)

    async def _make_partitions(self, connection: Connection, hours: Mapping[Signal, set[int]]) -> None:
        for signal, missing in hours.items():
            # Any: partitions do not care what rows a connection gives.
            await self._partitions[signal].ensure(cast("AsyncConnection", connection), missing)
            # Whatever came of it: without a partition, rows go to the default one.
            if len(self._hours[signal]) > _MAX_KNOWN_HOURS:
                self._hours[signal].clear()
            self._hours[signal] |= missing


def _minutes(done: Remapped) -> set[int]:
    """Those in which an interaction starts that comes, goes or changes."""
    return {
        minute_of_stored(one.product.moment_ns(item))
        for one in done.differences
        if one.product.signal is AI_INTERACTIONS
        for item in (*one.come, *one.gone)
    }


def pieces(trace_ids: Sequence[bytes]) -> list[Sequence[bytes]]:
    """As many traces at a time as are brought up to date together."""
    return [trace_ids[at : at + CHUNK_TRACES] for at in range(0, len(trace_ids), CHUNK_TRACES)]
