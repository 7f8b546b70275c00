"""The audit log, and what receipts of redaction add up to. A connection for each time: both are asked rarely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from storage.api import Window
from storage.audit import AuditEntry, RedactionCount
from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("audit.sql")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PostgresAudit:
    """See ``storage.audit.AuditLog`` and ``storage.audit.RedactionStatistics``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def record(self, *, actor: str, action: str, workspace_id: int, detail: Mapping[str, object]) -> None:
        """See ``AuditLog.record``."""
        row = {"actor": actor, "action": action, "workspace_id": workspace_id, "detail": Jsonb(dict(detail))}
        async with await connect(self._dsn) as connection:
            with translated("write the audit log"):
                await connection.execute(_STATEMENTS["record"], row)
                await connection.commit()

    async def entries(self, workspace_id: int, *, limit: int, action: str | None = None) -> Sequence[AuditEntry]:
        """See ``AuditLog.entries``."""
        wanted = {"workspace_id": workspace_id, "limit": limit, "action": action}
        async with await connect(self._dsn) as connection:
            with translated("read the audit log"):
                cursor = connection.cursor(row_factory=dict_row)
                rows = await (await cursor.execute(_STATEMENTS["entries"], wanted)).fetchall()
        return [AuditEntry(**row) for row in rows]

    async def redaction_counts(self, window: Window, *, limit: int) -> Sequence[RedactionCount]:
        """See ``RedactionStatistics.redaction_counts``."""
        wanted = {
            "workspace_id": window.workspace_id,
            "start": _moment(window.start_us),
            "end": _moment(window.end_us),
            "limit": limit,
        }
        async with await connect(self._dsn) as connection:
            with translated("add up what was redacted"):
                cursor = connection.cursor(row_factory=dict_row)
                rows = await (await cursor.execute(_STATEMENTS["redaction_counts"], wanted)).fetchall()
        return [msgspec.convert(row, RedactionCount) for row in rows]


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
