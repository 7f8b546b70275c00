"""Fills the full-text index over prompts and answers after the fact: see ADR 0011.

One process of all that share a database does it, as ``storage.postgres.leadership`` tells. It follows the ids that rows
of ``ai_interactions`` get when they arrive. A transaction that ends late brings ids that are smaller than some that
were seen already; so what was seen is looked through once more, when every transaction that ran then has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from storage.postgres.connection import connect
from storage.postgres.leadership import Connection, Leadership, LeadershipConfig
from storage.postgres.statement import load_statements
from tracedata import RelayscopeError
from tracedata.interaction import MAX_TEXT_CHARS

_log = logging.getLogger(__name__)

STATEMENTS = load_statements("search_index.sql")
# So often who has nothing to do says so, since the lag is measured from then.
_TELL_S = 10.0


class SearchIndexConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How eagerly the index follows.

    ``slice_rows`` are indexed in one transaction. After a slice the leader rests for ``rest`` times as long as that took, so
    that under load it takes a part of one core only; without new rows it looks again after ``pause_s``.
    ``retry_s`` is the pause of who does not lead, or cannot reach the database.
    """

    dsn: str
    slice_rows: int = 500
    rest: float = 4.0
    pause_s: float = 1.0
    retry_s: float = 5.0


class _Progress(msgspec.Struct, kw_only=True):
    """Up to ``done_to`` nothing is missing; up to ``seen_to`` only what came late. ``fence`` ends what comes late.

    A fence is a pair: what had been seen, and the transaction before which all must have ended.
    """

    done_to: int = 0
    seen_to: int = 0
    fence: tuple[int, int] | None = None


class _Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """How far the table is, and which transactions ran when it was looked at."""

    newest: int
    oldest_running: int
    next_transaction: int


class SearchIndex:
    """Starts at once whether or not the database answers, and tries for ever.

    ``on_round`` is called with the number of indexed rows whenever the index has caught up.
    """

    def __init__(self, config: SearchIndexConfig, *, on_round: Callable[[int], None] | None = None) -> None:
        self._config = config
        self._on_round = on_round
        self._leadership = Leadership(
            LeadershipConfig(
                lock="relayscope.ai_search",
                task="search-index",
                subject="the search index",
                waiting="the search index waits",
                retry_s=config.retry_s,
                foreseen=(RelayscopeError,),
            ),
            connected=self._connected,
            serve=self._serve,
            log=_log,
        )
        self._tell_at = 0.0

    async def start(self) -> None:
        await self._leadership.start()

    async def aclose(self) -> None:
        """Ends at once: every slice is a transaction, and another process takes over. Idempotent."""
        await self._leadership.aclose()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        # Closed at the end of the block, which is what frees the lock.
        async with await connect(self._config.dsn, autocommit=True) as connection:
            yield connection

    async def _serve(self, connection: AsyncConnection) -> None:
        await connection.execute(STATEMENTS["quietly"])
        progress = await _stored_progress(connection)
        while True:
            indexed = await self._catch_up(connection, progress)
            if self._on_round is not None:
                self._on_round(indexed)
            await asyncio.sleep(self._config.pause_s)

    async def _catch_up(self, connection: AsyncConnection, progress: _Progress) -> int:
        """Indexes what is new, then what came late, if it is time for that; returns how many rows."""
        before = (progress.done_to, progress.seen_to)
        horizon = await _horizon(connection)
        indexed = await self._index(connection, progress, after=progress.seen_to, until=horizon.newest)
        progress.seen_to = max(progress.seen_to, horizon.newest)
        if progress.fence is not None and horizon.oldest_running >= progress.fence[1]:
            indexed += await self._index(connection, progress, after=progress.done_to, until=progress.fence[0])
            progress.done_to, progress.fence = progress.fence[0], None
        if progress.fence is None and progress.done_to < progress.seen_to:
            # Looked at anew: a transaction may take its number a moment after its first id.
            progress.fence = (progress.seen_to, (await _horizon(connection)).next_transaction)
        if before != (progress.done_to, progress.seen_to) or time.monotonic() >= self._tell_at:
            await _advance(connection, progress, is_caught_up=True)
            self._tell_at = time.monotonic() + _TELL_S
        return indexed

    async def _index(self, connection: AsyncConnection, progress: _Progress, *, after: int, until: int) -> int:
        """Indexes what is missing between two ids, the second one included, slice by slice."""
        indexed = 0
        while after < until:
            began = time.monotonic()
            parameters = {"after": after, "until": until, "limit": self._config.slice_rows}
            cursor = await connection.execute(STATEMENTS["slice"], parameters)
            last, rows = await cursor.fetchone() or (None, 0)
            if last is None:
                break
            async with connection.transaction():
                for name in ("forget", "index"):
                    await connection.execute(
                        STATEMENTS[name], {"after": after, "until": last, "text_chars": MAX_TEXT_CHARS}
                    )
                progress.seen_to = max(progress.seen_to, last)
                await _advance(connection, progress, is_caught_up=False)
            indexed += rows
            after = last
            await asyncio.sleep((time.monotonic() - began) * self._config.rest)
        return indexed


async def index_once(dsn: str) -> int:
    """Indexes whatever is there and returns how many rows that were, for those who cannot wait.

    Raises:
        psycopg.Error: the database does not answer.
    """
    index = SearchIndex(SearchIndexConfig(dsn=dsn, rest=0.0))
    async with await connect(dsn, autocommit=True) as connection:
        await connection.execute(STATEMENTS["quietly"])
        progress = await _stored_progress(connection)
        return await index._catch_up(connection, progress)  # noqa: SLF001 - the same module


async def _stored_progress(connection: AsyncConnection) -> _Progress:
    """Where another leader stopped. What it saw but could not finish is looked through again."""
    row = await (await connection.execute(STATEMENTS["progress"])).fetchone()
    return _Progress(done_to=row[0], seen_to=row[1]) if row else _Progress()


async def _horizon(connection: AsyncConnection) -> _Horizon:
    cursor = connection.cursor(row_factory=dict_row)
    row = await (await cursor.execute(STATEMENTS["horizon"])).fetchone()
    return _Horizon(**(row or {}))


async def _advance(connection: AsyncConnection, progress: _Progress, *, is_caught_up: bool) -> None:
    statement: LiteralString = STATEMENTS["advance"]
    parameters = {"done_to": progress.done_to, "seen_to": progress.seen_to, "is_caught_up": is_caught_up}
    await connection.execute(statement, parameters)
