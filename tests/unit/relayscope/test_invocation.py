from __future__ import annotations

from pathlib import Path

import pytest

from relayscope.invocation import as_called, command_name


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / ".venv" / "bin" / "relayscope"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    return path


def test_a_program_on_the_path_needs_its_name_only(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert command_name(str(program)) == "relayscope"


def test_a_program_below_the_working_folder_is_relative(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(program.parent.parent.parent)
    assert command_name(".venv/bin/relayscope") == ".venv/bin/relayscope"
    assert command_name(str(program)) == ".venv/bin/relayscope"


def test_another_program_on_the_path_is_not_meant(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = program.parent.parent / "other" / "relayscope"
    other.parent.mkdir()
    other.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert command_name(str(program)) == str(program)


@pytest.mark.parametrize("argv0", ["-c", "", "/usr/bin/pytest", "/nowhere/relayscope"])
def test_what_is_no_program_of_ours_is_not_advised(argv0: str) -> None:
    assert command_name(argv0) == "relayscope"


def test_commands_in_a_sentence(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(program.parent)
    assert as_called("relayscope: use `relayscope up`.", str(program)) == "relayscope: use `./relayscope up`."
