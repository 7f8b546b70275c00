"""Looks at PostgreSQL for ``relayscope doctor``: driver, binaries, database. Only reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from storage.inspection import DEFAULT_SPANS_LIMIT, Account, DatabaseState, Driver, FolderState
from storage.postgres.connection import connect, describe_url
from storage.postgres.embedded import binary_folder
from storage.postgres.error import translated
from storage.postgres.folder import inspect_account, inspect_folder
from storage.postgres.migration import MINIMUM_SERVER_VERSION, SCHEMA_VERSION
from storage.postgres.statement import load_statements
from tracedata import PermanentError

_STATEMENTS = load_statements("inspection.sql")
_CONNECT_TIMEOUT_S = 5
_VERSION_TIMEOUT_S = 20


class PostgresInspector:
    """See ``storage.inspection.Inspector``."""

    def driver(self) -> Driver:
        number = psycopg.pq.version()
        return Driver(
            version=psycopg.__version__,
            implementation=psycopg.pq.__impl__,
            library_version=f"{number // 10_000}.{number % 10_000}",
        )

    def binaries(self) -> str:
        command = [str(binary_folder() / "postgres"), "--version"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command
                command, capture_output=True, text=True, check=True, timeout=_VERSION_TIMEOUT_S
            )
        except (OSError, subprocess.SubprocessError) as exc:
            raise PermanentError("the embedded PostgreSQL does not run on this machine; use --database-url") from exc
        return done.stdout.strip().rpartition(" ")[2]

    def account(self) -> Account:
        return inspect_account()

    def folder(self, path: Path) -> FolderState:
        return inspect_folder(path)

    def describe_url(self, dsn: str) -> str:
        return describe_url(dsn)

    async def database(self, dsn: str) -> DatabaseState:
        async with await connect(dsn, timeout_s=_CONNECT_TIMEOUT_S) as connection:
            with translated("look at the database"):
                return await _inspect(connection)


async def _inspect(connection: psycopg.AsyncConnection) -> DatabaseState:
    await connection.execute(_STATEMENTS["limits"])
    cursor = connection.cursor(row_factory=dict_row)
    server = await (await cursor.execute(_STATEMENTS["server"])).fetchone()
    assert server is not None  # noqa: S101 - a SELECT without FROM has one row
    has_migrations, has_spans = server.pop("has_migrations"), server.pop("has_spans")
    schema_version = None
    if has_migrations:
        found = await (await cursor.execute(_STATEMENTS["schema_version"])).fetchone()
        schema_version = found["schema_version"] if found else None
    spans = None
    if has_spans:
        spans = await (await cursor.execute(_STATEMENTS["spans"], {"limit": DEFAULT_SPANS_LIMIT})).fetchone()
    return DatabaseState(
        **server,
        **(spans or {"partitions": 0, "default_spans": 0}),
        is_server_supported=connection.info.server_version >= MINIMUM_SERVER_VERSION,
        schema_version=schema_version,
        program_schema_version=SCHEMA_VERSION,
    )
