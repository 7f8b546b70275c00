"""Standard streams as they come: closed, full, or with a reader that has gone."""

from __future__ import annotations

import contextlib
import errno
import os
import sys


def open_missing_streams() -> None:
    """Gives every standard stream that was closed a place.

    Otherwise the next socket would get its number, and what is printed. Who prints to a closed output gets ``EBADF``;
    messages to a closed error output are dropped.
    """
    for number in range(3):
        with contextlib.suppress(OSError):
            os.fstat(number)
            continue
        # The lowest free number is given, which is this one.
        os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def flush_output() -> None:
    """Writes what is left, so that a failure is ours to tell and not the interpreter's.

    Raises:
        OSError: it cannot be written.
    """
    sys.stdout.flush()


def drop_output() -> None:
    """Lets what could not be written go, since the interpreter would try once more at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stdout.flush()


def describe_failure(error: OSError) -> str:
    """What could not be done, in one sentence."""
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    if error.filename is None:
        return f"cannot write to standard output: {reason}"
    return f"{os.fsdecode(error.filename)}: {reason}"
