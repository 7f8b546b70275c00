"""Where the command starts: an interrupt while the program is still being loaded ends it without a word."""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType

# What a command that was interrupted exits with, as shells have it.
INTERRUPTED = 130


def main() -> None:
    """Loads and runs the command line; see ``relayscope.cli``."""
    # A process that a shell starts in the background without job control ignores interrupts, and keeps doing so.
    is_listening = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_listening:
        signal.signal(signal.SIGINT, _leave)
    # Loading takes a moment, so it must not happen before the handler is there.
    cli = importlib.import_module("relayscope.cli")
    if is_listening:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
