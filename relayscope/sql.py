"""Builds what runs SQL of users."""

from __future__ import annotations

from relayscope.api.rest.sql import SqlAccess
from relayscope.settings import Settings
from relayscope.sql_key import FILE_NAME, sql_key
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.sql_runner import PostgresSqlRunner, SqlRunnerConfig
from storage.sql import SqlStore


def build_sql(settings: Settings, dsn: str) -> PostgresSqlRunner:
    """What runs SQL of users.

    Raises:
        CallerError: the file with the secret cannot be read or made.
    """
    given = settings.storage.sql
    return PostgresSqlRunner(
        SqlRunnerConfig(
            dsn=dsn,
            key=sql_key(given.key_file or settings.storage.data_dir / FILE_NAME),
            first_workspace_id=DEFAULT_WORKSPACE_ID,
            is_own_server=settings.storage.database_url is None,
            timeout_s=given.timeout_s,
            max_connections=given.max_connections,
            work_mem_mb=given.work_mem_mb,
            memory_mb=given.memory_mb,
            temp_file_mb=given.temp_file_mb,
        )
    )


def sql_access(settings: Settings, store: SqlStore) -> SqlAccess:
    """What the API needs to answer with it."""
    bounds = settings.storage.sql
    return SqlAccess(
        store,
        max_rows=bounds.max_rows,
        max_bytes=bounds.max_bytes,
        stall_timeout_s=settings.storage.export.stall_timeout_s,
    )
