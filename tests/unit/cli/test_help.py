from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.testing import CliRunner

from relayscope.cli import app

ROOT = typer.main.get_command(app)


def _commands(group: object, path: str = "relayscope") -> Iterator[tuple[str, TyperGroup | TyperCommand]]:
    assert isinstance(group, TyperGroup | TyperCommand)
    yield path, group
    for name, command in group.commands.items() if isinstance(group, TyperGroup) else ():
        yield from _commands(command, f"{path} {name}")


COMMANDS = dict(_commands(ROOT))
HELPS = {
    f"{path} {parameter.opts[0]}": parameter.help
    for path, command in COMMANDS.items()
    for parameter in command.params
    if isinstance(parameter, TyperOption)
} | {path: command.help for path, command in COMMANDS.items()}


@pytest.mark.parametrize("text", HELPS.values(), ids=HELPS.keys())
def test_helps_are_sentences_without_markup(text: str | None) -> None:
    assert text is not None
    assert text.endswith(".")
    assert re.search(r"``|\[|\n[a-z]", text) is None


@pytest.mark.parametrize("arguments", [["-h"], ["up", "-h"], ["bench", "ingest", "-h"]], ids=" ".join)
def test_help_has_a_short_name(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "--help" in result.stdout


def test_the_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"relayscope {metadata.version('relayscope')}\n")
