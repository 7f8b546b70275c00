from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOMS, ROOT, committed_files, pyproject


@pytest.mark.parametrize("room", ROOMS)
def test_room_name_resolves_to_this_repository(room: str) -> None:
    spec = importlib.util.find_spec(room)
    assert spec is not None, f"{room} cannot be imported; run make setup"
    assert spec.origin == str(ROOT / room / "__init__.py"), "another installed package has taken the name of a room"


@pytest.mark.parametrize("room", ROOMS)
def test_room_says_its_job_in_the_first_line(room: str) -> None:
    module = ast.parse((ROOT / room / "__init__.py").read_text())
    first_line = (ast.get_docstring(module) or "").partition("\n")[0]
    assert first_line.endswith(".")


def test_proto_is_a_folder_of_data() -> None:
    assert (ROOT / "proto").is_dir()
    assert not list((ROOT / "proto").rglob("*.py"))


def test_no_generic_top_level_name_was_added() -> None:
    packages = {path.parent.name for path in committed_files() if path.match(f"{ROOT}/*/__init__.py")}
    assert packages == set(ROOMS)


def test_wheel_and_import_contracts_cover_every_room() -> None:
    tool = pyproject()["tool"]
    assert sorted(tool["hatch"]["build"]["targets"]["wheel"]["packages"]) == list(ROOMS)
    assert sorted(tool["importlinter"]["root_packages"]) == list(ROOMS)


def test_import_contracts_ignore_nothing() -> None:
    assert all("ignore_imports" not in contract for contract in pyproject()["tool"]["importlinter"]["contracts"])


def test_types_are_checked_wherever_there_is_python() -> None:
    folders = {path.relative_to(ROOT).parts[0] for path in committed_files() if path.suffix == ".py"}
    assert folders <= set(pyproject()["tool"]["mypy"]["files"])


def _imported_roots(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        if isinstance(node, ast.ImportFrom):
            yield "tracedata" if node.level else (node.module or "").partition(".")[0]


def test_kernel_imports_the_standard_library_and_msgspec_only() -> None:
    imported = {root for path in (ROOT / "tracedata").rglob("*.py") for root in _imported_roots(path)}
    assert imported - sys.stdlib_module_names <= {"msgspec", "tracedata"}
