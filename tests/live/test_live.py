"""Real SDKs with real instrumentation against a running system. Only `make test-live` runs this, in its environment.

What they send goes through a recorder, so it can be kept; tests/e2e/test_recordings.py proves the same of what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.live_pair import ENVIRONMENT, PAIRS, Pair, perform
from tests.support.live_shortfall import faults
from tests.support.otlp_recording import sending
from tests.support.stored_interaction import stored_interactions
from tests.support.system import System
from tests.support.waiting import wait_until

# As in tests/e2e/test_recordings.py.
_SETTLED_S = 30.0


@pytest.fixture(scope="module", autouse=True)
def is_live(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--live"):
        pytest.skip("`make test-live` runs it")
    assert ENVIRONMENT.is_dir(), "make test-live makes it"


@pytest.fixture(scope="module")
def system(module_folder: Path) -> Iterator[System]:
    with System(module_folder) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="relayscope-live-") as name:
        yield Path(name)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_call_is_one_row(system: System, folder: Path, pair: Pair, request: pytest.FixtureRequest) -> None:
    with sending(system.ready) as send:
        recording = perform(pair, folder, send)
    if request.config.getoption("--record"):
        recording.write(pair.recording)

    def faults_now() -> list[str]:
        return faults(pair, recording.calls, stored_interactions(system.ready.database_url, recording.trace_ids))

    # What stays wrong is told.
    with suppress(AssertionError):
        wait_until(lambda: not faults_now(), "the rows are those of the calls", timeout_s=_SETTLED_S)
    assert faults_now() == []
