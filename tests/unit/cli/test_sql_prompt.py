"""The prompt for SQL, typed at through a pipe."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from relayscope.cli.sql_prompt import Prompt, SchemaCompleter, SchemaNames, history_path

NAMES = SchemaNames(views={"spans": ["name", "trace_id"], "services": ["service_name"]}, functions=["now", "ntile"])
ENTER, INTERRUPT, END, UP = "\r", "\x03", "\x04", "\x1b[A"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def terminal() -> Iterator[PipeInput]:
    with create_pipe_input() as source:
        yield source


def typed(terminal: PipeInput, text: str) -> list[str]:
    terminal.send_text(text)
    return list(Prompt(NAMES, source=terminal, output=DummyOutput()).lines())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"SELECT 1;{ENTER}{END}", ["SELECT 1;"]),
        (f"SELECT{ENTER} 1{ENTER};{ENTER}{END}", ["SELECT\n 1\n ;"]),
        (f"\\d spans{ENTER}{END}", ["\\d spans"]),
        (f"SELECT 1;{ENTER}\\q{ENTER}", ["SELECT 1;"]),
        (f"{ENTER}quit{ENTER}", []),
        (f"SELECT{INTERRUPT}SELECT 2;{ENTER}{END}", ["SELECT 2;"]),
    ],
    ids=["a query", "several lines", "a command", "leaving", "nothing", "giving up"],
)
def test_lines(terminal: PipeInput, text: str, lines: list[str]) -> None:
    assert typed(terminal, text) == lines


def test_queries_are_remembered_for_oneself(terminal: PipeInput, state: Path) -> None:
    typed(terminal, f"SELECT 7;{ENTER}\\q{ENTER}")
    assert history_path().is_relative_to(state)
    assert "SELECT 7;" in history_path().read_text()
    assert stat.S_IMODE(history_path().stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "cursor", "expected"),
    [
        ("SELECT n FROM spans", 8, ["name", "now", "ntile", "NOT", "NULL"]),
        ("SELECT n", 8, ["now", "ntile", "NOT", "NULL"]),
        ("SELECT s.tr FROM spans s", 11, ["trace_id"]),
        ("SELECT 1 FROM s", 15, ["spans", "services", "SELECT"]),
        ("SELECT ", 7, []),
    ],
)
def test_completion(text: str, cursor: int, expected: list[str]) -> None:
    completer = SchemaCompleter(NAMES)
    found = completer.get_completions(Document(text, cursor), CompleteEvent(completion_requested=True))
    assert [one.text for one in found] == expected
