"""The implementations that the storage suite runs against."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from query.search import compile_search
from storage.postgres.frame_reader import PostgresFrameReader
from storage.postgres.interaction_reader import PostgresInteractionReader
from storage.postgres.log_reader import PostgresLogReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.sample_reader import PostgresSampleReader
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.citus import citus_url, has_citus, prepare
from tests.support.interaction_store import InteractionStore, MemoryPlace, PostgresPlace
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_interactions import MemoryInteractions
from tests.support.memory_samples import MemorySamples
from tests.support.memory_store import MemoryStore
from tests.support.store import Store

# An implementation named X comes from the fixture ``X_store``: an object with a started ``writer`` and ``reader``.
# Citus takes part when there is a cluster, and tests/integration/storage/test_citus.py says so when there is none.
IMPLEMENTATIONS = ("memory", "postgres", *(("citus",) if has_citus() else ()))


@pytest.fixture
async def memory_store() -> Store:
    """The double, empty."""
    double = MemoryStore()
    return Store(
        writer=double, reader=double, logs=double.logs, frames=MemoryFrames(double), samples=MemorySamples(double)
    )


@pytest.fixture
async def oracle() -> Store:
    """Another double, empty, to compare with."""
    double = MemoryStore()
    return Store(
        writer=double, reader=double, logs=double.logs, frames=MemoryFrames(double), samples=MemorySamples(double)
    )


@pytest.fixture
async def citus_store() -> AsyncIterator[Store]:
    """The PostgreSQL store over a Citus cluster, empty."""
    dsn = citus_url()
    await prepare(dsn)
    writer = PostgresSpanWriter(WriterConfig(dsn=dsn))
    reader = PostgresSpanReader(ReaderConfig(dsn=dsn, max_connections=2), compile_search=compile_search)
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


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest) -> Store:
    """Each implementation in turn, empty."""
    made = request.getfixturevalue(f"{request.param}_store")
    return Store(writer=made.writer, reader=made.reader, logs=made.logs, frames=made.frames, samples=made.samples)


@pytest.fixture
async def memory_interactions() -> InteractionStore:
    """The double, empty."""
    double = MemoryInteractions()
    return InteractionStore(double, MemoryPlace(double))


@pytest.fixture
async def postgres_interactions(shared_postgres_dsn: str) -> AsyncIterator[InteractionStore]:
    """PostgreSQL, empty."""
    reader = PostgresInteractionReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2))
    await reader.start()
    yield InteractionStore(reader, PostgresPlace(shared_postgres_dsn))
    await reader.aclose()


@pytest.fixture(params=("memory", "postgres"))
def interactions(request: pytest.FixtureRequest) -> InteractionStore:
    """Each implementation in turn, empty."""
    made: InteractionStore = request.getfixturevalue(f"{request.param}_interactions")
    return made
