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
def _crashing(module_folder: Path) -> Iterator[System]:
    with System(module_folder) as running:
        yield running


@pytest.fixture
def system(_crashing: System) -> System:
    """Not the one that other tests share. A test that failed may have left it in pieces."""
    if not _crashing.is_running:
        _crashing.start()
    return _crashing


def _all_pids(system: System) -> set[int]:
    pids = system.ready.pids
    return {pids.supervisor, *pids.workers, *filter(None, (pids.postgres, pids.api))}


def test_postgres_is_killed(system: System) -> None:
    killed = system.ready.pids.postgres
    assert killed is not None
    with Load(system.ready) as load:
        load.wait_for_more()
        os.kill(killed, signal.SIGKILL)
        load.wait_for_more()

    load.check(system)
    assert load.refusals.keys() <= {"UNAVAILABLE", "503"}
    wait_until(lambda: system.ready.pids.postgres not in (killed, None), "the ready file names the new server")


def test_a_worker_is_killed(system: System) -> None:
    before = system.ready.pids
    with Load(system.ready) as load:
        load.wait_for_more()
        os.kill(before.workers[0], signal.SIGKILL)
        wait_until(lambda: _is_replaced(system, before.workers[0]), "the worker is replaced")
        load.wait_for_more()

    load.check(system)
    now = system.ready.pids
    assert before.workers[1] in now.workers
    assert (now.postgres, now.api) == (before.postgres, before.api)


def _is_replaced(system: System, worker: int) -> bool:
    now = system.ready.pids.workers
    return worker not in now and len(now) == 2


def test_the_api_is_killed(system: System) -> None:
    before = system.ready.pids
    assert before.api is not None
    with Load(system.ready) as load:
        os.kill(before.api, signal.SIGKILL)
        wait_until(lambda: system.ready.pids.api not in (before.api, None), "the API is replaced")
        load.wait_for_more()

    assert not load.refusals
    load.check(system)


def test_the_supervisor_is_killed(system: System) -> None:
    children = _all_pids(system)
    with Load(system.ready) as load:
        load.wait_for_more()
        system.kill()
        # At once, while the children still find out.
        system.start()

    wait_until(lambda: not any(map(is_alive, children)), "the children end by themselves")
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
