from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from relayscope.ready_file import ReadyFile
from tracedata import CallerError, PermanentError


def _content(pid: int) -> bytes:
    return msgspec.json.encode({"http": 1, "pids": {"supervisor": pid}})


def _dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def _place_nowhere(folder: Path) -> Path:
    return folder / "nowhere" / "ready.json"


def _place_below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "ready.json"


def _place_of_a_folder(folder: Path) -> Path:
    return folder


def _place_of_a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def _place_with_a_long_name(folder: Path) -> Path:
    return folder / ("x" * 250)


@pytest.mark.parametrize(
    "place",
    [_place_nowhere, _place_below_a_file, _place_of_a_folder, _place_of_a_pipe, _place_with_a_long_name],
    ids=["missing folder", "below a file", "a folder", "a pipe", "long name"],
)
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, place: object) -> None:
    assert callable(place)
    path = place(tmp_path)
    with pytest.raises(CallerError, match="--ready-file") as refused:
        ReadyFile(path).prepare()
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("left", [b"", b"{", b'{"pids": {"supervisor": -1}}'], ids=["empty", "not JSON", "no process"])
def test_what_is_not_of_a_running_system_is_removed(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "ready.json"
    path.write_bytes(left)
    ReadyFile(path).prepare()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pid", [_dead_pid, os.getpid], ids=["ended", "our own, come again"])
def test_the_file_of_a_killed_run_is_removed(tmp_path: Path, pid: object) -> None:
    assert callable(pid)
    path = tmp_path / "ready.json"
    path.write_bytes(_content(pid()))
    ReadyFile(path).prepare()
    assert not path.exists()


def test_the_file_of_a_running_system_stays_when_we_do_not_start(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.write_bytes(_content(os.getppid()))
    ready_file = ReadyFile(path)
    ready_file.prepare()
    ready_file.remove()
    assert path.read_bytes() == _content(os.getppid())


def test_it_is_private_replaced_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    path.touch(mode=0o644)
    ready_file = ReadyFile(path)
    ready_file.write(b"first")
    ready_file.write(b"second")
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ready_file.remove()
    ready_file.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_the_draft_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"precious")
    (tmp_path / f".ready.json.{os.getpid()}").symlink_to(tmp_path / "theirs")
    ReadyFile(tmp_path / "ready.json").write(b"ours")
    assert (tmp_path / "theirs").read_bytes() == b"precious"
    assert (tmp_path / "ready.json").read_bytes() == b"ours"


def test_a_folder_that_has_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    ready_file = ReadyFile(folder / "ready.json")
    ready_file.prepare()
    folder.rmdir()
    with pytest.raises(PermanentError, match="ready file"):
        ready_file.write(b"")
