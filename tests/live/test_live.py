"""Run by `make test-live` only: makes the recordings again, or runs every pair against a system as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.live_pair import ENVIRONMENT, PAIRS, Pair, perform
from tests.support.otlp_recording import OtlpRequest


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="relayscope-live-") as name:
        yield Path(name)
