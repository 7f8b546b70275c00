"""The file with the keys of the operators ``hash`` and ``encrypt``. It belongs to nobody but the account that runs us."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tracedata import CallerError

FILE_NAME = "redaction.key"
_HEADER = "# Keys of redaction: the first one is in use, older ones read what they encrypted. Keep this file secret, and safe.\n"


def read_key_file(path: Path) -> str:
    """What is in the file.

    Raises:
        CallerError: it cannot be read, or others can.
    """
    try:
        mode = path.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise CallerError(f"{path} can be read by other accounts: chmod 600 {path}")
        return path.read_text(encoding="ascii")
    except OSError as exc:
        raise CallerError(f"cannot read the key file {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CallerError(f"{path} is not a key file: its lines are ID:KEY, with the key in base64") from exc


def add_key(path: Path, line: str) -> None:
    """Puts a key on top of the file, which is made when there is none. Nobody ever sees half of it.

    Raises:
        CallerError: it cannot be written.
    """
    before = read_key_file(path).removeprefix(_HEADER) if path.exists() else ""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(_HEADER + line + before)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as exc:
        raise CallerError(f"cannot write the key file {path}: {exc.strerror}") from exc
