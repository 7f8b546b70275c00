from __future__ import annotations

import fcntl
import os
from pathlib import Path

from relayscope.run import ChildState, RunFolder, RunState, read_state

_STATE = RunState(children=[ChildState(slot="ingest-0", role="ingest", is_up=True, restarts=1)])


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.start()
    assert read_state(run.path) == RunState()
    run.write(_STATE)
    assert read_state(run.path) == _STATE
    run.close()


def test_a_folder_goes_with_its_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.close()
    run.start()
    assert (run.path.stat().st_mode & 0o777) == 0o700
    run.close()
    run.close()
    assert list(tmp_path.iterdir()) == []
    assert not run.is_open


def test_forgotten_folders_are_removed_and_those_in_use_stay(tmp_path: Path) -> None:
    forgotten, foreign = tmp_path / "relayscope-run-forgotten", tmp_path / "other"
    forgotten.mkdir()
    (forgotten / "counter_api.db").touch()
    foreign.mkdir()
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    first.start()
    second.start()
    assert set(tmp_path.iterdir()) == {foreign, first.path, second.path}
    first.close()
    second.close()


def test_a_folder_is_locked_as_long_as_its_run_lives(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.start()
    descriptor = os.open(run.path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        is_locked = True
    else:
        is_locked = False
    os.close(descriptor)
    run.close()
    assert is_locked
