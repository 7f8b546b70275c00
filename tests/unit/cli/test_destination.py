"""Where a long output goes: a file that is there only when it is whole, and only for its owner."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from relayscope.cli.destination import opened
from relayscope.cli.stoppable import ending_in_order


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_owner_reads_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = os.umask(0)
    try:
        with opened(str(path), is_compressed=False) as file:
            assert [_mode(part) for part in tmp_path.iterdir()] == [0o600]
            file.write(b"x")
    finally:
        os.umask(before)
    assert (_mode(path), path.read_bytes()) == (0o600, b"x")


def test_what_replaces_a_file_has_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    with opened(str(path), is_compressed=True):
        pass
    assert _mode(path) == 0o640


def test_what_lies_where_the_part_goes_is_not_written_to(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"theirs")
    (tmp_path / f"a.{os.getpid()}.part").symlink_to(other)
    with opened(str(tmp_path / "a"), is_compressed=False) as file:
        file.write(b"ours")
    assert (other.read_bytes(), (tmp_path / "a").read_bytes()) == (b"theirs", b"ours")


def test_a_full_disk_is_told_with_the_name() -> None:
    with pytest.raises(OSError, match="No space left") as caught, opened("/dev/full", is_compressed=False) as file:
        file.write(b"x")
    assert caught.value.filename == "/dev/full"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as caught, ending_in_order(), opened(str(tmp_path / "a"), is_compressed=False):
        signal.raise_signal(number)
    assert caught.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is before
