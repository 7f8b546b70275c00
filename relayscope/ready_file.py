"""The ready file: says, by being there, that a system runs and where. It is its supervisor's, and goes with it."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import msgspec

from tracedata import CallerError, PermanentError


class _Pids(msgspec.Struct, frozen=True):
    supervisor: int


class _Ready(msgspec.Struct, frozen=True):
    """As much as is needed to tell whose file it is."""

    pids: _Pids


class ReadyFile:
    """A place that is looked at before a start, and then written whenever something changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # In the same folder, so that it can take the place of the file at once.
        self._draft = path.with_name(f".{path.name}.{os.getpid()}")
        self._is_written = False

    def prepare(self) -> None:
        """Proves that the file can be written, and removes the one of a run that was killed.

        That of a system that runs stays until it is replaced: we may yet fail to start beside it.

        Raises:
            CallerError: the place cannot be used.
        """
        try:
            if not stat.S_ISREG(self._path.lstat().st_mode):
                raise CallerError(f"--ready-file: {self._path} is no ordinary file; name one that may be replaced")
        except FileNotFoundError:
            pass
        except OSError as exc:
            raise _refused(self._path, exc) from exc
        try:
            self._write_draft(b"")
            self._draft.unlink()
            if not _is_of_the_living(self._path):
                self._path.unlink(missing_ok=True)
        except (OSError, ValueError) as exc:
            raise _refused(self._path, exc) from exc

    def write(self, data: bytes) -> None:
        """Replaces the file; a reader sees the old one or the new one.

        Raises:
            PermanentError: the place cannot be used any more.
        """
        try:
            self._write_draft(data)
            self._draft.replace(self._path)
        except OSError as exc:
            raise PermanentError(f"cannot write the ready file {self._path} ({exc.strerror})") from exc
        self._is_written = True

    def remove(self) -> None:
        """Removes what we have written. Idempotent."""
        if self._is_written:
            self._is_written = False
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write_draft(self, data: bytes) -> None:
        # A run that was killed may have left one, since process ids come again.
        self._draft.unlink(missing_ok=True)
        # Readable by its owner only, and never through a link that somebody else has put there.
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def _refused(path: Path, error: OSError | ValueError) -> CallerError:
    reason = error.strerror if isinstance(error, OSError) else "not a name"
    return CallerError(f"--ready-file: cannot write {path} ({reason}); name a file in a folder that is there")


def _is_of_the_living(path: Path) -> bool:
    """Whether the file names another process that runs."""
    try:
        pid = msgspec.json.decode(path.read_bytes(), type=_Ready).pids.supervisor
        if pid == os.getpid() or pid <= 0:
            return False
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError, msgspec.MsgspecError):
        return False
    return True
