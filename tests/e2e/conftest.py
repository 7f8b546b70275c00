"""One running system for every test that leaves it as it was; its data is told apart by fresh names and ids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.system import System


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running
