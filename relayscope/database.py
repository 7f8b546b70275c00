"""The wiring of the database: the server of our own, its schema, and what commands do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from relayscope.component import Component
from relayscope.settings import Settings
from storage.inspection import Inspector
from storage.postgres.citus import distribute
from storage.postgres.connection import check_url
from storage.postgres.durability import unsafe_settings
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.inspection import PostgresInspector
from storage.postgres.migration import SCHEMA_VERSION, migrate
from storage.postgres.retention import Retention
from storage.postgres.rollup_status import StoredRollups
from storage.rollup import Rollups
from tracedata import PermanentError


class Database(Component, Protocol):
    """A database server of our own; ``dsn`` is valid while it runs.

    ``claim`` takes its folder, which ``start`` otherwise does, and raises what it would raise when another has it.
    """

    def claim(self) -> None: ...

    @property
    def dsn(self) -> str: ...

    @property
    def pid(self) -> int | None: ...


def build_database(settings: Settings, *, on_restart: Callable[[], None] | None = None) -> Database:
    """The embedded PostgreSQL. ``on_restart`` is called when it has died and runs again, with another ``pid``."""
    storage = settings.storage
    config = EmbeddedConfig(data_dir=storage.data_dir, shared_buffers_mb=storage.shared_buffers_mb)
    return EmbeddedServer(config, on_restart=on_restart)


def build_inspector() -> Inspector:
    """What looks at the database and its place, for ``relayscope doctor``."""
    return PostgresInspector()


def check_database_url(settings: Settings) -> None:
    """Raises ``CallerError`` when the database that is given cannot be one, before anything is started."""
    if settings.storage.database_url is not None:
        check_url(settings.storage.database_url)


class Schema(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The schema's version, the names of the migrations that were just applied, the tables that were just distributed."""

    schema_version: int
    applied: Sequence[str]
    distributed: Sequence[str] = ()


async def migrate_schema(dsn: str, *, on_citus: bool = False) -> Schema:
    """Brings the schema up to date; ``on_citus`` distributes its tables over the nodes as well.

    Raises:
        RelayscopeError: the database cannot be reached or used; the message says why.
    """
    applied = [f"{migration.version:04d}_{migration.name}" for migration in await migrate(dsn)]
    distributed = await distribute(dsn) if on_citus else ()
    return Schema(schema_version=SCHEMA_VERSION, applied=applied, distributed=distributed)


async def assert_durable(dsn: str) -> None:
    """Refuses a database that can lose what it has committed.

    Raises:
        PermanentError: settings are off without which a crash loses spans that were acknowledged.
        RetryableError: the database cannot be asked.
    """
    unsafe = await unsafe_settings(dsn)
    if unsafe:
        raise PermanentError(
            f"the database has {' and '.join(unsafe)} off, so a crash could lose spans that were acknowledged; turn it "
            "on in postgresql.conf, or accept the loss with --allow-data-loss-on-crash"
        )


def build_retention(settings: Settings, dsn: str) -> Retention:
    """What shows and removes what is too old."""
    return Retention(dsn, settings.storage.retention.periods)


def build_rollups(dsn: str) -> Rollups:
    """What tells how far rolling up is behind, and does it once more."""
    return StoredRollups(dsn)
