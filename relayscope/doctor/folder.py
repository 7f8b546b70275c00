"""The data folder of the embedded PostgreSQL: whose it is, who uses it, and is there room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from relayscope.doctor.finding import Finding, failed, ok, size, warning
from storage.inspection import Account, FolderState, Inspector
from tracedata import PermanentError

_NAME, _SERVER, _DISK, _ACCOUNT = "data folder", "cluster", "disk", "account"
_GIB = 1 << 30
_LITTLE_BYTES, _TOO_LITTLE_BYTES = 5 * _GIB, _GIB
_LITTLE_SHARE = 0.1


def check_folder(state: FolderState) -> Finding:
    """Does it exist, or can it be made, and does a Relayscope use it?"""
    if state.holder is not None:
        return ok(_NAME, f"{state.path}, in use by process {state.holder or 'unknown'}")
    if not state.is_usable:
        action = "write in" if state.owner else "make"
        owner = f" (it belongs to {state.owner})" if state.owner else ""
        advice = "Choose another with --data-dir, or let this user write there."
        return failed(_NAME, f"cannot {action} {state.path}{owner}", advice=advice)
    if state.owner is None:
        return ok(_NAME, f"{state.path}, made at the first start")
    return ok(_NAME, f"{state.path}, belongs to {state.owner}, not in use")


def check_cluster(state: FolderState, account: Account) -> Finding:
    """Can the cluster in the folder be used, and how was it left?"""
    if state.cluster_version is None:
        return ok(_SERVER, "none yet; made at the first start")
    detail = f"PostgreSQL {state.cluster_version}, belongs to {state.cluster_owner}"
    if state.cluster_version != state.program_cluster_version:
        advice = (
            f"This program brings PostgreSQL {state.program_cluster_version}: dump the data with the version that wrote "
            "it, and load it into a new --data-dir."
        )
        return failed(_SERVER, detail, advice=advice)
    if state.holder is None and state.cluster_owner != account.name:
        advice = f"Run as {state.cluster_owner}, or `chown -R {account.name} {state.path / 'postgres'}`."
        return failed(_SERVER, f"{detail}, but the server would run as {account.name}", advice=advice)
    if state.server == "orphan":
        advice = "Nothing to do: the next `relayscope up` stops it and starts its own."
        return warning(_SERVER, f"{detail}; its server outlived the Relayscope that started it", advice=advice)
    if state.server == "crashed":
        advice = "Nothing to do: the next `relayscope up` recovers by itself; nothing that was acknowledged is lost."
        return warning(_SERVER, f"{detail}; not stopped in order, its lock file is stale", advice=advice)
    return ok(_SERVER, f"{detail}, {'running' if state.server == 'running' else 'stopped in order'}")


def check_account(account: Account) -> Finding:
    """Who runs the server; PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return ok(_ACCOUNT, f"the server runs as {account.name}, like this program")
    made = "" if account.exists else ", which is made at the first start"
    return ok(_ACCOUNT, f"this is root; the server runs as {account.name}{made}")


def check_disk(*, free: int, total: int, used_by_data: int) -> Finding:
    """Is there room? Bytes."""
    share = free / total if total else 0.0
    detail = f"{size(free)} free ({share:.0%}), data takes {size(used_by_data)}"
    if free < _TOO_LITTLE_BYTES:
        return failed(_DISK, detail, advice="Make room, or move the data to a larger disk with --data-dir.")
    if free < _LITTLE_BYTES or share < _LITTLE_SHARE:
        return warning(_DISK, detail, advice="Make room soon: PostgreSQL stops when the disk is full.")
    return ok(_DISK, detail)


def look_into(inspector: Inspector, path: Path) -> FolderState | Finding:
    """The state of the folder, or what is wrong with it."""
    try:
        return inspector.folder(path)
    except PermanentError as exc:
        advice = "Run doctor as the user that runs Relayscope, or choose another folder with --data-dir."
        return failed(_NAME, str(exc), advice=advice)


def check_embedded(inspector: Inspector, state: FolderState) -> Sequence[Finding]:
    """All that can be said about the folder."""
    try:
        account = inspector.account()
    except PermanentError as exc:
        return [check_folder(state), failed(_ACCOUNT, str(exc), advice="Use another user, or --database-url.")]
    disk = shutil.disk_usage(next(path for path in (state.path, *state.path.parents) if path.exists()))
    used = check_disk(free=disk.free, total=disk.total, used_by_data=_taken(state.path))
    return [check_folder(state), check_cluster(state, account), check_account(account), used]


def _taken(folder: Path) -> int:
    """Bytes on disk below the folder. Files come and go while a server runs, so what is gone counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 - thousands of files
            except OSError:
                continue
    return total
