"""The file with the secret of which the passwords of SQL's roles are made."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from relayscope.redaction_key import read_key_file
from tracedata import CallerError

FILE_NAME = "sql.key"
_BYTES = 32


def sql_key(path: Path) -> bytes:
    """The secret, which is made when there is none. Several processes that ask at once get the same one.

    Raises:
        CallerError: the file cannot be read or made, or others can read it.
    """
    if not path.exists():
        _make(path)
    return read_key_file(path).strip().encode()


def _make(path: Path) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_urlsafe(_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, it leaves one that another process has made in the meantime.
            with contextlib.suppress(FileExistsError):
                os.link(new, path)
        finally:
            new.unlink()
    except OSError as exc:
        raise CallerError(f"cannot write the key file {path}: {exc.strerror}") from exc
