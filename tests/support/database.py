"""Looking into a database from the side, and components over it for the time of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg

from query.search import compile_search
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.writer import PostgresSpanWriter, WriterConfig

_PATIENCE_S = 20.0
_POLL_S = 0.01


# Any: rows follow from the statement, which the type system cannot see.
async def rows(dsn: str, query: LiteralString, parameters: Mapping[str, object] | None = None) -> Sequence[Any]:
    """The rows of one statement, in a connection of its own, committed."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute(query, parameters)
        return await cursor.fetchall() if cursor.description else []


async def value(dsn: str, query: LiteralString, parameters: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - as above
    """The one value of a statement."""
    ((found,),) = await rows(dsn, query, parameters)
    return found


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Returns once the condition holds. For what announces itself to nobody, such as a backend that waits for a lock."""
    async with asyncio.timeout(_PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - it announces itself to nobody
            await asyncio.sleep(_POLL_S)


async def until_blocked(dsn: str, application_name: str = "relayscope-writer") -> None:
    """Returns once a backend of that name waits for a lock."""
    query: LiteralString = """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = %(name)s AND wait_event_type = 'Lock' AND datname = current_database()
    """
    await until(lambda: value(dsn, query, {"name": application_name}))


async def terminate(dsn: str, application_name: str) -> int:
    """Ends the backends of that name and returns, once they are gone, how many they were."""
    query: LiteralString = """
        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE application_name = %(name)s AND datname = current_database()
    """
    return len(await rows(dsn, query, {"name": application_name}))


@asynccontextmanager
async def writing(config: WriterConfig) -> AsyncIterator[PostgresSpanWriter]:
    """A started writer."""
    writer = PostgresSpanWriter(config)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.aclose()


@asynccontextmanager
async def reading(config: ReaderConfig) -> AsyncIterator[PostgresSpanReader]:
    """A started reader."""
    reader = PostgresSpanReader(config, compile_search=compile_search)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.aclose()


@asynccontextmanager
async def transaction(dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """A transaction that stays open for the time of the block and is then rolled back."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        try:
            yield connection
        finally:
            await connection.rollback()
