"""What a command of ``relayscope`` can be given, as the command line itself knows it."""

from __future__ import annotations

import typer.main
from typer.core import TyperGroup

from relayscope.cli import app


def long_flags(command: str) -> set[str]:
    """The long flags of a command."""
    return {flag for param in _group().commands[command].params for flag in param.opts if flag.startswith("--")}


def variables(command: str) -> set[str]:
    """The environment variables that its flags are read from."""
    return {str(param.envvar) for param in _group().commands[command].params if param.envvar}


def _group() -> TyperGroup:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return root
