"""Removes everything that was received, for conformance runs on a database that holds nothing else."""

from __future__ import annotations

from psycopg import sql

from storage.postgres.citus import DISTRIBUTED_TABLES, LOCAL_TABLES
from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements

_STATEMENTS = load_statements("purge.sql")
# What was received and what was made of it. Dictionaries stay, since writers remember what is in them; so do rules, roles,
# and what is told of our own work.
_KEPT = frozenset(
    "migrations audit_log redaction_runs redaction_progress rule_sets workspace_roles ai_search_progress ai_progress "
    "decision_progress".split()
)
_TABLES = (*DISTRIBUTED_TABLES, "operations", *(name for name in LOCAL_TABLES if name not in _KEPT))
_TRUNCATE = sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(sql.Identifier("relayscope", name) for name in _TABLES))


class PostgresPurge:
    """Writers of such a database must not remember operations: see ``WriterConfig``."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __call__(self) -> None:
        """Empties the tables of all workspaces in one transaction.

        Raises:
            RetryableError: the database cannot be reached, or somebody reads for too long.
        """
        with translated("purge"):
            async with await connect(self._dsn, autocommit=True) as connection, connection.transaction():
                await connection.execute(_STATEMENTS["limits"])
                await connection.execute(_TRUNCATE)
