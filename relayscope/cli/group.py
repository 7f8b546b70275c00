"""The commands by name, loaded when they are asked for: most are questions to the API, which need none of the server."""

from __future__ import annotations

import importlib
from collections import UserDict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import typer
from typer._click.core import Command
from typer.core import TyperGroup
from typer.main import get_group

# In the order of the help: each command, or group of commands, and the module whose ``register`` adds it.
MODULES: Mapping[str, str] = {
    "up": "serve",
    "demo": "serve",
    "migrate": "serve",
    "services": "read",
    "traces": "read",
    "trace": "read",
    "map": "read",
    "compare": "analysis",
    "attributes": "analysis",
    "interactions": "interactions",
    "sessions": "interactions",
    "decisions": "decisions",
    "export": "export",
    "import": "importing",
    "sql": "sql",
    "doctor": "doctor",
    "retention": "retention",
    "archive": "archive",
    "redact": "redact",
    "replay": "replay",
    "rules": "rules",
    "reprocess": "reprocess",
    "rollup": "rollup",
    "bench": "bench",
}


class LazyCommands(UserDict[str, Command]):
    """All names are there from the start; a command is loaded, with its neighbours of the module, when it is read."""

    def __init__(self, loaded: Mapping[str, Command], modules: Mapping[str, str]) -> None:
        super().__init__(loaded)
        self._modules = modules
        self._names = dict.fromkeys((*loaded, *modules))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __missing__(self, key: str) -> Command:
        self.data.update(_commands_of(self._modules[key]))
        return self.data[key]


@cache
def _commands_of(module: str) -> Mapping[str, Command]:
    part = typer.Typer(rich_markup_mode="rich")
    importlib.import_module(f"relayscope.cli.{module}").register(part)
    return get_group(part).commands


class LazyGroup(TyperGroup):
    """The commands that were added to it, then those of ``modules``."""

    modules: ClassVar[Mapping[str, str]] = {}

    # What the library hands over to its own class.
    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - the library's keywords, passed on unread
        super().__init__(**attributes)
        self.commands = LazyCommands(self.commands, self.modules)


class Root(LazyGroup):
    """All commands."""

    modules: ClassVar[Mapping[str, str]] = MODULES


class Interactions(LazyGroup):
    """The group ``interactions``, of which one command works on the database."""

    modules: ClassVar[Mapping[str, str]] = {"reprice": "reprice"}
