"""A real PostgreSQL for the tests: one embedded server a run, one database a test, cloned from a migrated template."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql

from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.migration import migrate

_TEMPLATE = "template_relayscope"
_Result = TypeVar("_Result")


class Cluster:
    """An embedded server that lives on an event loop of its own, so that tests can use it from any other."""

    def __init__(self, data_dir: Path) -> None:
        self._server = EmbeddedServer(EmbeddedConfig(data_dir=data_dir, shared_buffers_mb=64))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgresql")
        self._numbers = itertools.count(1)

    def start(self) -> None:
        self._thread.start()
        self._run(self._server.start())
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        self._run(migrate(self._dsn(_TEMPLATE)))

    def close(self) -> None:
        self._run(self._server.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh, migrated database, which is dropped at the end."""
        name = f"test_{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
        try:
            yield self._dsn(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _dsn(self, database: str) -> str:
        return self._server.dsn.replace("/relayscope?", f"/{database}?")

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.dsn, autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, job: Coroutine[None, None, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result()
