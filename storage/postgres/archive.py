"""The archive: copies of whole traces that retention leaves alone. A connection for each time: it is asked for rarely."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from storage.archive import TRACE_ARCHIVED, TRACE_UNARCHIVED, ArchivedTrace
from storage.postgres.connection import connect
from storage.postgres.durability import commit_durably
from storage.postgres.error import translated
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("archive.sql")
_AUDIT = load_statements("audit.sql")


class PostgresTraceArchive:
    """See ``storage.archive.TraceArchive``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def archive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> ArchivedTrace | None:
        """See ``TraceArchive.archive``. The first time is written to the audit log in the same transaction."""
        key = {"workspace_id": workspace_id, "trace_id": trace_id}
        with translated("archive a trace"):
            async with await connect(self._dsn, autocommit=True) as connection:
                await commit_durably(connection)
                async with connection.transaction():
                    await connection.execute(_STATEMENTS["limits"])
                    await connection.execute(_STATEMENTS["lock_shared"])
                    await connection.execute(_STATEMENTS["copy"], key)
                    if not await _value(connection, "span_count", key):
                        return None
                    if await _value(connection, "note", key) is not None:
                        await _record(connection, key, action=TRACE_ARCHIVED, actor=actor)
                return await _archived(connection, key)

    async def unarchive(self, workspace_id: int, trace_id: bytes, *, actor: str) -> bool:
        """See ``TraceArchive.unarchive``. Written to the audit log in the same transaction."""
        key = {"workspace_id": workspace_id, "trace_id": trace_id}
        with translated("unarchive a trace"):
            async with await connect(self._dsn, autocommit=True) as connection, connection.transaction():
                await connection.execute(_STATEMENTS["limits"])
                await connection.execute(_STATEMENTS["lock_shared"])
                noted = await connection.execute(_STATEMENTS["forget"], key)
                await connection.execute(_STATEMENTS["remove"], key)
                if noted.rowcount:
                    await _record(connection, key, action=TRACE_UNARCHIVED, actor=actor)
                return bool(noted.rowcount)

    async def archived(self, workspace_id: int, trace_id: bytes) -> ArchivedTrace | None:
        """See ``TraceArchive.archived``."""
        with translated("look into the archive"):
            async with await connect(self._dsn, autocommit=True) as connection:
                return await _archived(connection, {"workspace_id": workspace_id, "trace_id": trace_id})


async def copy_expiring(connection: AsyncConnection, *, cutoff: datetime) -> int:
    """Copies what retention is about to take of archived traces to the archive; returns how many spans that were.

    Raises:
        psycopg.Error: the database does not answer.
    """
    async with connection.transaction():
        await connection.execute(_STATEMENTS["limits"])
        await connection.execute(_STATEMENTS["lock_shared"])
        return (await connection.execute(_STATEMENTS["copy_expiring"], {"cutoff": cutoff})).rowcount


async def await_copies(connection: AsyncConnection) -> None:
    """Returns when everything that was being copied to the archive is there. Needs autocommit."""
    await connection.execute(_STATEMENTS["await_copies"])


async def _archived(connection: AsyncConnection, key: dict[str, object]) -> ArchivedTrace | None:
    row = await (await connection.execute(_STATEMENTS["archived"], key)).fetchone()
    if row is None:
        return None
    trace_id, archived_at, span_count = row
    return ArchivedTrace(trace_id=bytes(trace_id), archived_at=archived_at, span_count=span_count)


# ``Any``: the type of a column, which the type system cannot see.
async def _value(connection: AsyncConnection, statement: str, parameters: dict[str, object]) -> Any:  # noqa: ANN401
    row = await (await connection.execute(_STATEMENTS[statement], parameters)).fetchone()
    return row[0] if row else None


async def _record(connection: AsyncConnection, key: dict[str, object], *, action: str, actor: str) -> None:
    trace_id = key["trace_id"]
    detail = {"traceId": trace_id.hex() if isinstance(trace_id, bytes) else ""}
    entry = {"workspace_id": key["workspace_id"], "actor": actor, "action": action, "detail": Jsonb(detail)}
    await connection.execute(_AUDIT["record"], entry)
