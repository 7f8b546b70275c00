"""A real PostgreSQL for the tests: one embedded server a run.

A test that changes the schema or kills connections gets a database of its own, cloned from a migrated template. The
others share one, which is put back into the state of a fresh one after each test: that takes a tenth of the time.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.migration import migrate

_TEMPLATE = "template_relayscope"
_SHARED = "shared_relayscope"
# What a crash of the machine would do to the data of tests is nobody's concern.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
_TABLES = """
    SELECT format('%I.%I', n.nspname, c.relname),
           c.relispartition AND c.relname !~ '_(past|default|future)$'
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'relayscope' AND c.relkind = 'r' AND c.relname NOT IN ('migrations', 'workspaces')
"""
_Result = TypeVar("_Result")


class Cluster:
    """An embedded server that lives on an event loop of its own, so that tests can use it from any other."""

    def __init__(self, data_dir: Path, *, overrides: Mapping[str, str] = NOT_DURABLE) -> None:
        self._data_dir = data_dir
        self._server = EmbeddedServer(EmbeddedConfig(data_dir=data_dir, shared_buffers_mb=64, overrides=overrides))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgresql")
        self._numbers = itertools.count(1)

    def start(self) -> None:
        self._thread.start()
        self._run(self._server.start())
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        self._run(migrate(self._dsn(_TEMPLATE)))
        self._clone(_SHARED, _TEMPLATE)

    def close(self) -> None:
        self._run(self._server.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def database(self, *, template: str = _TEMPLATE) -> Iterator[str]:
        """The URL of a fresh database, migrated by default, which is dropped at the end."""
        name = f"test_{next(self._numbers)}"
        self._clone(name, template)
        try:
            yield self._dsn(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def shared_database(self) -> Iterator[str]:
        """The URL of a migrated database without spans, dictionaries and partitions; emptied again at the end."""
        try:
            yield self._dsn(_SHARED)
        finally:
            empty(self._dsn(_SHARED))

    def log(self) -> str:
        """What the server has logged so far."""
        return (self._data_dir / "postgres.log").read_text()

    def _clone(self, name: str, template: str) -> None:
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))

    def _dsn(self, database: str) -> str:
        return self._server.dsn.replace("/relayscope?", f"/{database}?")

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, job: Coroutine[None, None, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result()


def empty(dsn: str) -> None:
    """Drops every partition but those for all other times, and deletes every row.

    Deleting a few rows is cheaper than TRUNCATE.
    """
    # A test that leaves a transaction open is told, not waited for. A replica fires no triggers, so the audit log yields.
    options = "-c lock_timeout=10s -c session_replication_role=replica"
    with psycopg.connect(dsn, options=options) as connection:
        for name, is_made_by_a_test in connection.execute(_TABLES).fetchall():
            statement = "DROP TABLE {}" if is_made_by_a_test else "DELETE FROM {}"
            connection.execute(sql.SQL(statement).format(sql.SQL(name)))
