"""Acknowledged means durable: commits wait for the disk, and a server on which they cannot is recognised."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import AsyncConnection

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("durability.sql")


async def commit_durably(connection: AsyncConnection) -> None:
    """Makes every commit of the session wait for the disk, even where the default of role or database is otherwise."""
    await connection.execute(_STATEMENTS["commit_durably"])


async def unsafe_settings(dsn: str) -> Sequence[str]:
    """The settings with which a crash loses what was committed, in a session like that of the writer.

    Raises:
        RetryableError: the database cannot be asked.
    """
    with translated("look at durability"):
        async with await connect(dsn, autocommit=True) as connection:
            await commit_durably(connection)
            found = await connection.execute(_STATEMENTS["settings"])
            return [name for (name,) in await found.fetchall()]
