from __future__ import annotations

import gzip
import resource
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from relayscope.forward.file_sink import path_of
from relayscope.forward.rotating_file import RotatingFile, RotationConfig
from tracedata import PermanentError, RetryableError


def _file(path: Path, *, max_bytes: int = 1000, max_backups: int = 10, is_compressed: bool = False) -> RotatingFile:
    seconds = count()
    config = RotationConfig(path=path, max_bytes=max_bytes, max_backups=max_backups, is_compressed=is_compressed)
    return RotatingFile(config, now=lambda: datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=next(seconds)))


def _line(number: int) -> bytes:
    return b"line %05d\n" % number


def _all_lines(folder: Path) -> list[bytes]:
    """What is in the files, the oldest first; the file that is written to sorts last."""
    names = sorted(folder.iterdir(), key=lambda path: (path.name == "spans.jsonl", path.name))
    texts = [gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in names]
    return b"".join(texts).splitlines(keepends=True)


@pytest.fixture
def small_files() -> Iterator[None]:
    """Writing beyond a thousand bytes fails in the middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1005, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])
def test_a_full_file_is_set_aside_and_no_line_is_lost_or_cut(tmp_path: Path, *, is_compressed: bool) -> None:
    file = _file(tmp_path / "spans.jsonl", max_bytes=100, is_compressed=is_compressed)
    file.open()
    for number in range(50):
        file.write(_line(number))
    file.close()
    assert _all_lines(tmp_path) == [_line(number) for number in range(50)]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "spans-2026-01-15T00-00-00.000000.jsonl" + (".gz" if is_compressed else "")
    assert (tmp_path / "spans.jsonl").stat().st_size <= 100


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "spans-of-mine.jsonl").write_text("somebody else's")
    file = _file(tmp_path / "spans.jsonl", max_bytes=11, max_backups=2)
    file.open()
    for number in range(10):
        file.write(_line(number))
    file.close()
    assert (tmp_path / "spans-of-mine.jsonl").exists()
    (tmp_path / "spans-of-mine.jsonl").unlink()
    assert _all_lines(tmp_path) == [_line(number) for number in (7, 8, 9)]


@pytest.mark.parametrize(
    ("left", "kept"),
    [(b"one\ntwo\nhal", b"one\ntwo\n"), (b"hal", b""), (b"one\n", b"one\n"), (b"one\n" + b"x" * 200_000, b"one\n")],
    ids=["half-a-line", "nothing-whole", "whole", "long"],
)
def test_what_a_crash_left_of_a_line_is_removed(tmp_path: Path, left: bytes, kept: bytes) -> None:
    path = tmp_path / "spans.jsonl"
    path.write_bytes(left)
    file = _file(path)
    file.open()
    file.write(_line(1))
    file.close()
    assert path.read_bytes() == kept + _line(1)


def test_a_line_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "spans.jsonl"
    file = _file(path, max_bytes=1 << 20)
    file.open()
    file.write(b"x" * 999 + b"\n")
    with pytest.raises(RetryableError, match="EFBIG"):
        file.write(_line(1))
    assert path.stat().st_size == 1000
    # There is room again.
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    file.write(_line(2))
    file.close()
    assert path.read_bytes() == b"x" * 999 + b"\n" + _line(2)


def test_a_file_has_one_writer(tmp_path: Path) -> None:
    first, second = _file(tmp_path / "spans.jsonl"), _file(tmp_path / "spans.jsonl")
    first.open()
    with pytest.raises(PermanentError, match="another process"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PermanentError, match="cannot write"):
        _file(tmp_path / "file" / "spans.jsonl").open()


def test_what_is_written_is_for_its_owner(tmp_path: Path) -> None:
    file = _file(tmp_path / "spans.jsonl", max_bytes=10, is_compressed=True)
    file.open()
    for number in range(3):
        file.write(_line(number))
    file.close()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_each_worker_has_its_file() -> None:
    assert path_of(Path("/logs/spans.jsonl"), slot="ingest-1") == Path("/logs/spans.ingest-1.jsonl")


@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "removed"])
def test_a_file_that_somebody_takes_away_is_made_anew(tmp_path: Path, *, is_moved: bool) -> None:
    path, aside = tmp_path / "spans.jsonl", tmp_path / "theirs"
    file = _file(path, max_bytes=25)
    file.open()
    file.write(_line(0))
    if is_moved:
        path.rename(aside)
    else:
        path.unlink()
    # Enough to be set aside, which once failed for good where there was no file.
    for number in range(1, 5):
        file.write(_line(number))
    file.close()
    assert not is_moved or aside.read_bytes() == _line(0)
    aside.unlink(missing_ok=True)
    assert _all_lines(tmp_path) == [_line(number) for number in range(1, 5)]
