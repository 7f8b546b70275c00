"""The schema's versions: numbered, forward-only SQL files, each applied once, all of one start in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import LiteralString

import msgspec
import psycopg
from psycopg import errors

from storage.postgres.connection import connect
from storage.postgres.error import translated
from storage.postgres.statement import load_statements, split_statements
from tracedata import PermanentError

_STATEMENTS = load_statements("migration.sql")
MINIMUM_SERVER_VERSION = 150000
SERVER_ENCODING = "UTF8"


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the schema. ``checksum`` recognises a file that was changed after it had been applied."""

    version: int
    name: str
    sql: LiteralString

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def available_migrations() -> Sequence[Migration]:
    """The migrations that this program brings, oldest first."""
    folder = files("storage.postgres").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(
            version=int(name.partition("_")[0]),
            name=name.removesuffix(".sql").partition("_")[2],
            sql=folder.joinpath(name).read_text(encoding="utf-8"),
        )
        for name in names
    ]


SCHEMA_VERSION = max(migration.version for migration in available_migrations())


async def migrate(dsn: str) -> Sequence[Migration]:
    """Brings the schema up to date and returns what was applied. Safe to run by several processes at once.

    Raises:
        CallerError: the URL is malformed.
        PermanentError: the server is too old, the database has another encoding than UTF-8 or is read-only, the user lacks
            a right that writing needs, the schema is newer than this program, or a file was changed.
        RetryableError: the database cannot be reached.
    """
    with translated("migrate"):
        async with await connect(dsn) as connection:
            if connection.info.server_version < MINIMUM_SERVER_VERSION:
                raise PermanentError("PostgreSQL 15 or newer is needed")
            await _check_database(connection)
            async with connection.transaction():
                return await _apply(connection)


async def _check_database(connection: psycopg.AsyncConnection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != SERVER_ENCODING:
        raise PermanentError(
            f"the database has the encoding {encoding}, in which not every span can be stored; "
            "make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    row = await (await connection.execute(_STATEMENTS["may_stage"])).fetchone()
    if not row or not row[0]:
        raise PermanentError(
            "the user may not create temporary tables, which spans that come again need; "
            "run GRANT TEMPORARY ON DATABASE ... TO ... as the owner of the database"
        )


async def _apply(connection: psycopg.AsyncConnection) -> Sequence[Migration]:
    await connection.execute(_STATEMENTS["lock"])
    with _needing("create the schema relayscope in the database, and tables in it"):
        await connection.execute(_STATEMENTS["prepare"])
    await connection.execute(_STATEMENTS["limits"])
    with _needing("read the table relayscope.migrations"):
        applied = {row[0]: row[2] for row in await (await connection.execute(_STATEMENTS["applied"])).fetchall()}
    _check(applied)
    missing = [migration for migration in available_migrations() if migration.version not in applied]
    for migration in missing:
        with _needing("change the tables of the schema relayscope, as only their owner may"):
            for statement in split_statements(migration.sql):
                await connection.execute(statement)
            await connection.execute(
                _STATEMENTS["record"],
                {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
            )
    return missing


@contextmanager
def _needing(right: str) -> Iterator[None]:
    """Says which right is missing, since the server's own message may be in any language."""
    try:
        yield
    except errors.InsufficientPrivilege as exc:
        raise PermanentError(
            f"the database's user may not {right}; connect as the owner of the database, or grant it: "
            "`relayscope doctor` shows what is missing"
        ) from exc
    except errors.ReadOnlySqlTransaction as exc:
        raise PermanentError(
            "the database is read-only, as a standby is, or one with default_transaction_read_only; connect to one that "
            "can be written: `relayscope doctor` shows where we connect to"
        ) from exc


def _check(applied: dict[int, str]) -> None:
    if applied and max(applied) > SCHEMA_VERSION:
        raise PermanentError(
            f"the database has schema version {max(applied)}, this program knows {SCHEMA_VERSION}: upgrade the program"
        )
    for migration in available_migrations():
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise PermanentError(f"migration {migration.version} was changed after it had been applied")
