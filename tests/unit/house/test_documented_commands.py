from __future__ import annotations

import re
from collections.abc import Iterator

import typer.main
from typer.core import TyperGroup

from relayscope.cli import app
from tests.support.repository import document

_SECTION = re.compile(r"^## `relayscope ([a-z]+(?: [a-z]+)*)", re.MULTILINE)


def _leaves(group: TyperGroup, prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command with its long options."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _leaves(command, f"{prefix}{name} ")
        elif not command.hidden:
            yield f"{prefix}{name}", {flag for param in command.params for flag in param.opts if flag[:2] == "--"}


def _commands() -> dict[str, set[str]]:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return dict(_leaves(root))


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(_SECTION.findall(document("docs/commands.md"))) == set(_commands())


def test_every_option_is_documented() -> None:
    text = document("docs/commands.md")
    missing = {
        (name, option)
        for name, options in _commands().items()
        for option in options - {"--help"}
        if not re.search(rf"{option}\b", text)
    }
    assert missing == set()
