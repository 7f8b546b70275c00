"""Commands are loaded when they are asked for; most are questions to the API, and must start at once."""

from __future__ import annotations

import subprocess
import sys

from relayscope.cli.group import MODULES, LazyCommands

HEAVY = ("fastapi", "psycopg", "grpc", "lark", "sqlglot", "prompt_toolkit")
LIGHT = ("services", "traces", "attributes", "interactions list", "decisions list", "export traces", "archive")


def test_every_name_is_that_of_the_command_it_loads() -> None:
    commands = LazyCommands({}, MODULES)

    assert {name: commands[name].name for name in commands} == {name: name for name in MODULES}
    assert len(commands.data) == len(MODULES)


def test_what_nobody_has_is_not_there() -> None:
    assert LazyCommands({}, MODULES).get("nothing") is None


def test_questions_to_the_api_load_nothing_of_the_server() -> None:
    program = f"""
import sys
from relayscope.cli import app
for words in {LIGHT!r}:
    try:
        app([*words.split(), "--help"])
    except SystemExit as exc:
        assert not exc.code, words
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
