"""Where a long output goes: a file that is there only when it is whole, or standard output."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

STANDARD_OUTPUT = "-"
_OWNER_ONLY = 0o600


@contextmanager
def opened(name: str, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    """A place to write to for the time of the block.

    A file is written under another name beside its own, and gets its own when the block ends well; otherwise nothing is left
    of it, and what was there before stays. What is there and is no file, such as a pipe, is written to as it is. Only its owner
    may read a new file, since personal data may be in it; one that replaces another has the mode of that.

    Raises:
        OSError: it cannot be written; the error has the name, but for standard output.
    """
    with _plain(name) as plain:
        if not is_compressed:
            yield plain
            return
        # Neither a name nor a time in it, so that the same content makes the same file.
        with gzip.GzipFile(filename="", fileobj=plain, mode="wb", mtime=0, compresslevel=6) as packed:
            yield cast("IO[bytes]", packed)  # It has what is needed of one, and its base says so less exactly.


@contextmanager
def _plain(name: str) -> Iterator[IO[bytes]]:
    if name == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # What a link points to is replaced, not the link.
    path = Path(name).resolve()
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as special:
                yield special
            return
        with _replacing(path) as file:
            yield file
    except OSError as exc:
        # What fails while something is written, such as for want of space, does not say where.
        if exc.filename is None:
            exc.filename = str(path)
        raise


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        # What a killed run with our number left goes first, so that nothing that somebody else put there is written to.
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
            if path.exists():
                part.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
