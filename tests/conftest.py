"""Fixtures that tests of several rooms share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from query.search import compile_search
from storage.postgres.reader import PostgresSpanReader, ReaderConfig
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.postgres import Cluster
from tests.support.store import Store


@pytest.fixture(scope="session")
def postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The server that all tests of a run share."""
    cluster = Cluster(tmp_path_factory.mktemp("postgres"))
    cluster.start()
    yield cluster
    cluster.close()


@pytest.fixture
def postgres_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database with the current schema."""
    with postgres_cluster.database() as dsn:
        yield dsn


@pytest.fixture
def shared_postgres_dsn(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a database that was emptied after the test before; for tests that leave the schema alone."""
    with postgres_cluster.shared_database() as dsn:
        yield dsn


@pytest.fixture
async def postgres_store(shared_postgres_dsn: str) -> AsyncIterator[Store]:
    """The PostgreSQL store over an empty database."""
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn))
    reader = PostgresSpanReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2), compile_search=compile_search)
    await writer.start()
    await reader.start()
    yield Store(writer=writer, reader=reader)
    await reader.aclose()
    await writer.aclose()
