"""One running system for every test that leaves it as it was; its data is told apart by fresh names and ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.system import System


@pytest.fixture(scope="session")
def system(session_folder: Path) -> Iterator[System]:
    with System(session_folder) as running:
        yield running
