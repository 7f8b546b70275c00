"""Looks at PostgreSQL for ``relayscope doctor``: driver, binaries, database. Only reads."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from storage.inspection import DEFAULT_SPANS_LIMIT, Account, DatabaseState, Driver, FolderState
from storage.postgres.embedded import binary_folder
from storage.postgres.error import translated
from storage.postgres.folder import inspect_account, inspect_folder
from storage.postgres.migration import MINIMUM_SERVER_VERSION, SCHEMA_VERSION, SERVER_ENCODING
from storage.postgres.statement import load_statements
from tracedata import CallerError, PermanentError, RetryableError

_STATEMENTS = load_statements("inspection.sql")
_CONNECT_TIMEOUT_S = 5
_UNREADABLE = "a URL that is not well formed (is the password escaped, as in %40 for @?)"
_VERSION_TIMEOUT_S = 20

# libpq's reasons in our words. Its own text may quote a part of a URL that was written wrongly, such as a password.
_REASONS = (
    ("password authentication failed", "the server does not accept the user or the password"),
    ("no password supplied", "the server wants a password"),
    ("eer authentication failed", "the server lets only its own users in through this socket"),
    ("no pg_hba.conf entry", "the server's pg_hba.conf does not let this user in from here"),
    ("does not exist", "the server has no such database or user"),
    ("permission denied", "this user may not connect"),
    ("could not translate host name", "the host name is not known"),
    ("failed to resolve host", "the host name is not known"),
    ("Connection refused", "nothing listens there"),
    ("No such file or directory", "nothing listens there"),
    ("timeout", "the server does not answer in time"),
    ("timed out", "the server does not answer in time"),
    ("starting up", "the server is starting"),
    ("shutting down", "the server is shutting down"),
    ("too many", "the server has no connection left"),
    ("remaining connection slots", "the server has no connection left"),
    ("SSL", "the two sides do not agree on encryption"),
    ("invalid", "the connection URL has a part that is not valid"),
)


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
        try:
            parts = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            return _UNREADABLE
        shown = {key: str(parts[key]) for key in ("host", "port", "dbname", "user") if parts.get(key)}
        # A character of the password that was not escaped moves its end into what follows it.
        is_misread = any("@" in shown.get(key, "") for key in ("host", "port", "dbname"))
        if is_misread or not shown.get("port", "0").replace(",", "").isdecimal():
            return _UNREADABLE
        return " ".join(f"{key}={value}" for key, value in shown.items())

    async def database(self, dsn: str) -> DatabaseState:
        async with await _connect(dsn) as connection:
            with translated("look at the database"):
                return await _inspect(connection)


async def _connect(dsn: str) -> psycopg.AsyncConnection:
    try:
        return await psycopg.AsyncConnection.connect(dsn, connect_timeout=_CONNECT_TIMEOUT_S, client_encoding="utf8")
    except psycopg.ProgrammingError as exc:
        raise CallerError("this is not a connection URL that PostgreSQL understands") from exc
    except psycopg.Error as exc:
        text = str(exc)
        reason = next((reason for fragment, reason in _REASONS if fragment in text), "the connection fails")
        raise RetryableError(reason) from exc


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
        is_encoding_supported=server["server_encoding"] == SERVER_ENCODING,
        schema_version=schema_version,
        program_schema_version=SCHEMA_VERSION,
    )
