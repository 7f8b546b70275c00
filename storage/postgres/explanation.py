"""How PostgreSQL answers a search, statement by statement: for reports, and for whoever wonders why one is slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import LiteralString

import msgspec

from storage.postgres.candidate import CandidateSearch, find_candidates
from storage.postgres.read_pool import ReaderConfig, ReadPool
from storage.postgres.stored_part import Row

_EXPLAIN = b"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY OFF) "


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that was run, without the values of its parameters, and its plan with what that cost."""

    statement: str
    plan: str


class _ExplainingPool:
    """Runs every statement twice, once to be told the plan."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self.explanations: list[Explanation] = []

    async def fetch(
        self,
        statement: LiteralString | bytes,
        parameters: Mapping[str, object],
        *,
        action: str,
        planning: LiteralString | None = None,
    ) -> Sequence[Row]:
        text = statement if isinstance(statement, bytes) else statement.encode()
        lines = await self._pool.fetch(_EXPLAIN + text, parameters, action=action, planning=planning)
        plan = "\n".join(line[0] for line in lines)
        self.explanations.append(Explanation(statement=text.decode(), plan=plan))
        return await self._pool.fetch(statement, parameters, action=action, planning=planning)


async def explain_search(dsn: str, search: CandidateSearch) -> Sequence[Explanation]:
    """Every statement that it takes to find the first page.

    Raises:
        RelayscopeError: the database does not answer, or not in time.
    """
    pool = ReadPool(ReaderConfig(dsn=dsn, max_connections=1))
    await pool.start()
    try:
        explaining = _ExplainingPool(pool)
        found = set[bytes]()
        async with aclosing(find_candidates(explaining, search)) as portions:
            async for portion in portions:
                found.update(row.trace_id for row in portion.rows)
                if len(found) > search.limit:
                    break
        return explaining.explanations
    finally:
        await pool.aclose()
