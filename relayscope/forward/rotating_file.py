"""A file of lines that is set aside when it is full; of those that were, the newest are kept.

Names are those of the Collector's file exporter: ``spans.jsonl`` becomes ``spans-2026-01-15T12-00-00.000000.jsonl``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tracedata import PermanentError, RetryableError

_MOMENT = "%Y-%m-%dT%H-%M-%S.%f"
_MOMENT_FORM = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}"
_BLOCK = 64 * 1024


def _utc() -> datetime:
    return datetime.now(UTC)


class RotationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A file holds at most ``max_bytes``, or one write if that is larger; ``max_backups`` are kept besides."""

    path: Path
    max_bytes: int
    max_backups: int
    is_compressed: bool = False


class RotatingFile:
    """Has one writer, which the lock on it makes sure of. Lines are whole, even after a crash or on a full disk."""

    def __init__(self, config: RotationConfig, *, now: Callable[[], datetime] = _utc) -> None:
        self._config = config
        self._now = now
        self._file: int | None = None
        self._size = 0

    def open(self) -> None:
        """Goes on where the file ends.

        Raises:
            PermanentError: the file cannot be written, or another process does.
        """
        path = self._config.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # What is in it is for its owner, as all that we store.
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise PermanentError(f"cannot write {path}: {exc.strerror}") from exc
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(file)
            raise PermanentError(f"cannot write {path}: another process writes to it") from exc
        self._file = file
        self._size = _cut_to_lines(file)

    def write(self, lines: bytes) -> None:
        """Appends whole lines, to the next file when they do not fit into this one.

        Raises:
            RetryableError: they could not be written, and nothing of them is in the file.
        """
        try:
            if self._file is not None and not self._is_in_place(self._file):
                self.close()
            if self._file is None:
                self._reopen()
            if self._size and self._size + len(lines) > self._config.max_bytes:
                self._rotate()
            self._append(lines)
        except OSError as exc:
            raise RetryableError(errno.errorcode.get(exc.errno or 0, "OSError")) from exc

    def close(self) -> None:
        """Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _reopen(self) -> None:
        try:
            self.open()
        except PermanentError as exc:
            raise RetryableError("the next file cannot be opened") from exc

    def _is_in_place(self, file: int) -> bool:
        """Whether the file is still where it was opened: others rotate, move and remove files, too."""
        try:
            return os.path.samestat(self._config.path.stat(), os.fstat(file))
        except FileNotFoundError:
            return False

    def _append(self, lines: bytes) -> None:
        assert self._file is not None  # noqa: S101 - opened by the caller
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            # On a full disk a part of a line may be there.
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(lines)

    def _rotate(self) -> None:
        path = self._config.path
        aside = path.with_name(f"{path.stem}-{self._now().strftime(_MOMENT)}{path.suffix}")
        path.rename(aside)
        self.close()
        self._reopen()
        # First, since it makes room.
        for old in self._backups()[self._config.max_backups :]:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
        if self._config.is_compressed and aside.exists():
            _compress(aside)

    def _backups(self) -> list[Path]:
        """Newest first: their names sort by time."""
        path = self._config.path
        form = re.compile(rf"{re.escape(path.stem)}-{_MOMENT_FORM}{re.escape(path.suffix)}(\.gz)?")
        return sorted((one for one in path.parent.iterdir() if form.fullmatch(one.name)), reverse=True)


def _compress(path: Path) -> None:
    """Replaces the file by a compressed one. A crash in between, or a full disk, leaves the file."""
    draft = path.with_name(f".{path.name}.gz")
    try:
        with path.open("rb") as source, gzip.open(draft, "wb", compresslevel=1) as target:
            draft.chmod(0o600)
            shutil.copyfileobj(source, target, _BLOCK)
    except OSError:
        draft.unlink(missing_ok=True)
        return
    draft.rename(path.with_name(f"{path.name}.gz"))
    path.unlink()


def _cut_to_lines(file: int) -> int:
    """Removes what a crash left of a last line; returns the size."""
    size = end = os.fstat(file).st_size
    while end:
        start = max(0, end - _BLOCK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)
    return end
