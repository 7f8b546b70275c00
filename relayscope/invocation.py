"""How the user calls us, so that what we advise can be copied: the command is rarely on the path."""

from __future__ import annotations

import shutil
from pathlib import Path

NAME = "relayscope"


def command_name(argv0: str) -> str:
    """``relayscope`` when that finds the program ``argv0``, otherwise the path to it, as short as possible.

    ``argv0`` is ``sys.argv[0]``; a program of another name, such as an interpreter, is not advised.
    """
    called = Path(argv0)
    if called.name != NAME or not called.is_file():
        return NAME
    found = shutil.which(NAME)
    if found is not None and Path(found).resolve() == called.resolve():
        return NAME
    here, there = Path.cwd(), called.absolute()
    if there.parent == here:
        return f"./{NAME}"
    return str(there.relative_to(here)) if there.is_relative_to(here) else str(there)


def as_called(text: str, argv0: str) -> str:
    """``text`` with the commands in backticks written as the user would call them."""
    return text.replace(f"`{NAME} ", f"`{command_name(argv0)} ")
