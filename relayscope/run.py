"""The run folder: what the processes of one ``relayscope up`` know about each other.

It holds the supervisor's state, for readiness, and the shared metrics. It belongs to one run and goes with it; a run
that was killed leaves it, and the next one removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

_PREFIX = "relayscope-run-"
_STATE = "state.json"


class ChildState(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the run. ``slot`` is its place (``ingest-0``), which it keeps when it is replaced."""

    slot: str
    role: str
    is_up: bool
    restarts: int


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor knows."""

    children: Sequence[ChildState] = ()


class RunFolder:
    """A folder of our own for the time of a run, made at ``start``."""

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._path: Path | None = None
        self._lock: int | None = None

    @property
    def path(self) -> Path:
        assert self._path is not None, "the run has not started"  # noqa: S101 - a mistake of ours
        return self._path

    @property
    def is_open(self) -> bool:
        return self._path is not None

    def start(self) -> None:
        """Makes the folder, and removes those of runs that are gone."""
        for left in self._parent.glob(f"{_PREFIX}*"):
            _remove_unused(left)
        while not self._make():
            pass

    def _make(self) -> bool:
        """False when another run took the folder for a forgotten one, before it was locked."""
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        # The lock says that we live: to later runs, and to those who tidy temporary folders
        # (https://www.freedesktop.org/software/systemd/man/latest/tmpfiles.d.html, under Age).
        try:
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return False
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not path.exists():
            os.close(lock)
            return False
        self._path, self._lock = path, lock
        return True

    def write(self, state: RunState) -> None:
        """Replaces the state; a reader sees the old one or the new one."""
        draft = self.path / f".{_STATE}"
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self.path / _STATE)

    def close(self) -> None:
        """Removes the folder. Idempotent."""
        path, self._path = self._path, None
        lock, self._lock = self._lock, None
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def read_state(folder: Path) -> RunState:
    """What the supervisor last wrote; nothing when the folder is gone."""
    try:
        return msgspec.json.decode((folder / _STATE).read_bytes(), type=RunState)
    except (OSError, msgspec.MsgspecError):
        return RunState()


def _remove_unused(folder: Path) -> None:
    """Removes a folder whose lock nobody holds. Another user's stays."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid != os.geteuid():
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
