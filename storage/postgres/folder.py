"""Looks into a data folder of the embedded server, from outside and without changing it."""

from __future__ import annotations

import fcntl
import os
import pwd
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import msgspec
import psutil

from storage.inspection import Account, FolderState
from storage.postgres.account import ACCOUNT_NAME, own_user_name
from storage.postgres.embedded import DATABASE, ROLE
from tracedata import PermanentError

CLUSTER_VERSION = "18"
_SOCKET_FOLDER_LINE = 4


class _Postmaster(msgspec.Struct, frozen=True, kw_only=True):
    """What ``postmaster.pid`` says, and whether that process is a server."""

    is_alive: bool
    socket_folder: str

    @property
    def is_reachable(self) -> bool:
        # The line of the socket is empty while the server starts.
        return self.is_alive and bool(self.socket_folder)


def inspect_account() -> Account:
    """Who would run the server; see ``storage.postgres.account``, which also makes the account."""
    if os.geteuid() != 0:
        return Account(name=own_user_name(), exists=True)
    try:
        pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return Account(name=ACCOUNT_NAME, exists=False)
    return Account(name=ACCOUNT_NAME, exists=True)


def inspect_folder(path: Path) -> FolderState:
    """The state of the data folder, which need not exist.

    Raises:
        PermanentError: it may not be looked into.
    """
    folder = path.expanduser().absolute()
    try:
        return _inspect(folder)
    except OSError as exc:
        raise PermanentError(f"cannot look into {folder}: {exc.strerror}") from exc


def _inspect(folder: Path) -> FolderState:
    cluster = folder / "postgres"
    version_file = cluster / "PG_VERSION"
    has_cluster = version_file.is_file()
    holder = _holder(folder / "relayscope.lock")
    postmaster = _postmaster(cluster)
    server = _server(postmaster, is_held=holder is not None)
    return FolderState(
        path=folder,
        owner=_owner(folder) if folder.exists() else None,
        is_usable=_is_usable(folder),
        holder=holder,
        server=server,
        dsn=_dsn(postmaster.socket_folder) if postmaster and postmaster.is_reachable else None,
        cluster_version=version_file.read_text(encoding="ascii").strip() if has_cluster else None,
        cluster_owner=_owner(cluster) if has_cluster else None,
        program_cluster_version=CLUSTER_VERSION,
    )


def _server(postmaster: _Postmaster | None, *, is_held: bool) -> Literal["none", "running", "orphan", "crashed"]:
    if postmaster is None:
        return "none"
    if not postmaster.is_alive:
        return "crashed"
    return "running" if is_held else "orphan"


def _holder(lock: Path) -> int | None:
    """The process that holds the folder: the number in the file counts only while somebody has the lock."""
    try:
        file = lock.open(encoding="ascii")
    except FileNotFoundError:
        return None
    with file:
        try:
            # Shared and given back at once, so that it is in nobody's way.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            number = file.read().strip()
            return int(number) if number.isdecimal() else 0
        return None


def _postmaster(cluster: Path) -> _Postmaster | None:
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    is_complete = len(lines) > _SOCKET_FOLDER_LINE and lines[0].isdecimal()
    if not is_complete:
        return _Postmaster(is_alive=False, socket_folder="")
    is_alive = _is_server(int(lines[0]), cluster)
    return _Postmaster(is_alive=is_alive, socket_folder=lines[_SOCKET_FOLDER_LINE])


def _is_server(pid: int, cluster: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and Path(process.cwd()) == cluster.resolve()
    except psutil.AccessDenied:
        # Another user's process; its working folder is not ours to see, but a server it is.
        return True
    except psutil.Error:
        return False


def _dsn(socket_folder: str) -> str:
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(socket_folder, safe='')}"


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_usable(folder: Path) -> bool:
    """Whether we can write in the folder, or make it."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
