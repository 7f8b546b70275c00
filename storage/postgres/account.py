"""Who runs the embedded server. PostgreSQL refuses to run as root, so root lends it an account of its own."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec

from tracedata import PermanentError

ACCOUNT_NAME = "relayscope"
_log = logging.getLogger(__name__)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user of this machine. ``borrowed`` is true when it is not the user that we run as ourselves."""

    name: str
    uid: int
    gid: int
    borrowed: bool

    @property
    def run_as_uid(self) -> int | None:
        """The user that a child process changes to; none when it stays what we are."""
        return self.uid if self.borrowed else None

    @property
    def run_as_gid(self) -> int | None:
        """The group that a child process changes to; none when it stays what we are."""
        return self.gid if self.borrowed else None

    @property
    def run_as_groups(self) -> list[int] | None:
        """The supplementary groups of a child process; none when it keeps ours."""
        return [] if self.borrowed else None


def server_account() -> Account:
    """Our own user, or for root the system account ``relayscope``, which is made when it is missing.

    Raises:
        PermanentError: the user has no name, or the account cannot be made; the message says what to do.
    """
    if os.geteuid() != 0:
        return _account(_own_entry(), borrowed=False)
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _make_account()
    return _account(entry, borrowed=True)


def own_user_name() -> str:
    """The name of the user that this process runs as."""
    return _own_entry().pw_name


def _own_entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError as exc:
        raise PermanentError(
            f"user id {os.geteuid()} has no entry in the user database, which PostgreSQL needs; "
            "add one, or use --database-url"
        ) from exc


def _account(entry: pwd.struct_passwd, *, borrowed: bool) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, borrowed=borrowed)


def _make_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        raise PermanentError(
            f"PostgreSQL does not run as root and there is no useradd to make the account {ACCOUNT_NAME!r}; "
            "run as an ordinary user, or use --database-url"
        )
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(  # noqa: S603 - a fixed command
        [*command, "--shell", "/usr/sbin/nologin", ACCOUNT_NAME], capture_output=True, text=True, check=False
    )
    try:
        # Another process may have made it in the meantime, so the outcome counts, not the exit code.
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError as exc:
        raise PermanentError(f"cannot make the account {ACCOUNT_NAME!r}: {made.stderr.strip()}") from exc


def give(path: Path, account: Account) -> None:
    """Makes the account the owner of ``path``; nothing to do when it is our own."""
    if account.borrowed:
        os.chown(path, account.uid, account.gid)


def let_reach(path: Path, account: Account) -> None:
    """Lets a borrowed account pass through the folders above ``path``: adds the search bit, never the right to list."""
    if not account.borrowed:
        return
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            _log.info("adding the search permission (o+x) to %s for the account %s", folder, account.name)
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def let_read(tree: Path, account: Account) -> None:
    """Lets a borrowed account read and run what is in ``tree`` (the server's binaries)."""
    if not account.borrowed:
        return
    let_reach(tree, account)
    if tree.stat().st_mode & stat.S_IROTH:
        return
    for path in (tree, *tree.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (mode & (stat.S_IRUSR | stat.S_IXUSR)) >> 6)
