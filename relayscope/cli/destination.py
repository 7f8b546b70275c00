"""Where a long output goes: a file that is there only when it is whole, or standard output."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

STANDARD_OUTPUT = "-"


@contextmanager
def opened(name: str, *, is_compressed: bool) -> Iterator[IO[bytes]]:
    """A place to write to for the time of the block.

    A file is written under another name beside its own, and gets its own when the block ends well; otherwise nothing is left
    of it, and what was there before stays. What is there and is no file, such as a pipe, is written to as it is.

    Raises:
        OSError: it cannot be written.
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
    if path.exists() and not path.is_file():
        with path.open("wb") as special:
            yield special
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
