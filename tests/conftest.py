"""Fixtures that tests of several rooms share."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from query.search import compile_search
from storage.postgres.frame_reader import PostgresFrameReader
from storage.postgres.log_reader import PostgresLogReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.sample_reader import PostgresSampleReader
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.golden import Golden
from tests.support.name_model import train_name_model
from tests.support.postgres import Cluster
from tests.support.store import Store


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write golden files anew; review the difference.")
    parser.addoption("--live", action="store_true", help="Run real SDKs, in the environment of `make test-live`.")
    parser.addoption("--interop", action="store_true", help="Send through a Collector, which `make interop` builds.")
    parser.addoption("--record", action="store_true", help="Keep what they send, for tests that run without them.")


def pytest_configure() -> None:
    # Shells start what runs in the background with it ignored, which tests and the commands they start would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares text with the files in the folder ``golden`` beside the test."""
    return Golden(request.path.parent / "golden", update=request.config.getoption("--update-golden"))


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """An empty folder for an embedded server.

    Not pytest's own: run by root, the server has an account that must pass through the folders above, and every run
    of pytest closes its folder to others again, in the middle of another run too.
    """
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """The same, for all tests of a module."""
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """The same, for all tests of a run."""
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """The server that all tests of a run share."""
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        cluster = Cluster(Path(folder))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.close()


@pytest.fixture(scope="session")
def name_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small spaCy model that finds the names and places of ``tests.support.name_model``."""
    return train_name_model(tmp_path_factory.mktemp("names") / "model")


@pytest.fixture
def durable_dsn(data_folder: Path) -> Iterator[str]:
    """The URL of an empty database on a server of its own, with the durability that users get."""
    cluster = Cluster(data_folder, overrides={})
    cluster.start()
    try:
        with cluster.database() as dsn:
            yield dsn
    finally:
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
    """The PostgreSQL store over an empty database. It asks its index of attributes wherever that can help."""
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn))
    config = ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)
    reader = PostgresSpanReader(config, compile_search=compile_search, newest_spans=0)
    await writer.start()
    await reader.start()
    yield Store(
        writer=writer,
        reader=reader,
        logs=PostgresLogReader(reader.pool),
        frames=PostgresFrameReader(reader.pool),
        samples=PostgresSampleReader(reader.pool),
    )
    await reader.aclose()
    await writer.aclose()
