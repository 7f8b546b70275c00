"""Processes die under load: what was acknowledged is there afterwards, nothing is there twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.load import Load
from tests.support.system import STOP_TIMEOUT_S, System, is_alive
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose children are killed one after the other."""
    with System(tmp_path_factory.mktemp("crashing")) as running:
        yield running


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A system of its own for a test that ends it."""
    with System(tmp_path) as running:
        yield running


def _all_pids(system: System) -> set[int]:
    pids = system.ready.pids
    return {pids.supervisor, *pids.workers, *filter(None, (pids.postgres, pids.api))}


def test_postgres_is_killed(crashing: System) -> None:
    killed = crashing.ready.pids.postgres
    assert killed is not None
    with Load(crashing.ready) as load:
        load.wait_for_more()
        os.kill(killed, signal.SIGKILL)
        load.wait_for_more()

    load.check(crashing)
    assert load.refusals.keys() <= {"UNAVAILABLE", "503"}
    wait_until(lambda: crashing.ready.pids.postgres not in (killed, None), "the ready file names the new server")


def test_a_worker_is_killed(crashing: System) -> None:
    before = crashing.ready.pids
    with Load(crashing.ready) as load:
        load.wait_for_more()
        os.kill(before.workers[0], signal.SIGKILL)
        wait_until(lambda: _is_replaced(crashing, before.workers[0]), "the worker is replaced")
        load.wait_for_more()

    load.check(crashing)
    now = crashing.ready.pids
    assert before.workers[1] in now.workers
    assert (now.postgres, now.api) == (before.postgres, before.api)


def _is_replaced(system: System, worker: int) -> bool:
    now = system.ready.pids.workers
    return worker not in now and len(now) == 2


def test_the_api_is_killed(crashing: System) -> None:
    before = crashing.ready.pids
    assert before.api is not None
    with Load(crashing.ready) as load:
        os.kill(before.api, signal.SIGKILL)
        wait_until(lambda: crashing.ready.pids.api not in (before.api, None), "the API is replaced")
        load.wait_for_more()

    assert not load.refusals
    load.check(crashing)


def test_the_supervisor_is_killed(system: System) -> None:
    children = _all_pids(system)
    with Load(system.ready) as load:
        load.wait_for_more()
        system.kill()
        wait_until(lambda: not any(map(is_alive, children)), "the children end by themselves")

    system.start()

    load.check(system)
    with Load(system.ready) as more:
        more.wait_for_more()
    more.check(system)


def test_the_whole_machine_goes_down(system: System) -> None:
    children = _all_pids(system)
    with Load(system.ready) as load:
        load.wait_for_more()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        system.kill()

    system.start()

    load.check(system)


def test_sigterm_under_load(system: System) -> None:
    children = _all_pids(system)
    with Load(system.ready) as load:
        load.wait_for_more()
        begun = time.monotonic()
        code = system.stop()
        took = time.monotonic() - begun

    assert code == 0
    assert took < STOP_TIMEOUT_S / 2
    assert load.refusals.keys() <= {"UNAVAILABLE", "CANCELLED", "503", "LOST"}
    assert not any(map(is_alive, children))
    assert "Traceback" not in system.log
    system.start()
    load.check(system)
