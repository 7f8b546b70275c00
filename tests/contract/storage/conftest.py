"""The implementations that the storage suite runs against."""

from __future__ import annotations

import pytest

from tests.support.memory_store import MemoryStore
from tests.support.store import Store

# An implementation named X comes from the fixture ``X_store``: an object with a started ``writer`` and ``reader``.
IMPLEMENTATIONS = ("memory", "postgres")


@pytest.fixture
async def memory_store() -> Store:
    """The double, empty."""
    double = MemoryStore()
    return Store(writer=double, reader=double)


@pytest.fixture(params=IMPLEMENTATIONS)
def store(request: pytest.FixtureRequest) -> Store:
    """Each implementation in turn, empty."""
    made = request.getfixturevalue(f"{request.param}_store")
    return Store(writer=made.writer, reader=made.reader)
