from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.repository import ROOT, committed_files, document, pyproject

DOCUMENTS = tuple(path for path in committed_files() if path.suffix == ".md")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_TARGET = re.compile(r"^([a-z-]+):.*## ", re.MULTILINE)
_CALL = re.compile(r"\bmake ([a-z-]+)\b")


def _prose(path: Path) -> str:
    return _FENCE.sub("", path.read_text())


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _broken(path: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (path.parent / name).resolve() if name else path
    return not target.exists() or bool(anchor and target.suffix == ".md" and anchor not in _anchors(target))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_resolve(path: Path) -> None:
    links = [link for link in _LINK.findall(_prose(path)) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if _broken(path, link)] == []


def test_every_make_target_is_documented_and_exists() -> None:
    targets = set(_TARGET.findall(document("Makefile")))
    assert {"setup", "demo", "test", "check", "bench", "fmt", "clean", "lock"} <= targets
    # Only what is written as code counts: "make sure" is no target.
    code = "\n".join(
        snippet
        for name in ("README.md", "CONTRIBUTING.md")
        for snippet in re.findall(r"```.*?```|`[^`\n]+`", document(name), re.DOTALL)
    )
    assert set(_CALL.findall(code)) | {"help"} == targets


def test_every_dependency_has_its_line() -> None:
    table = document("docs/dependencies.md")
    groups = pyproject()["dependency-groups"].values()
    declared = [*pyproject()["project"]["dependencies"], *(name for group in groups for name in group)]
    names = [re.split(r"[\[<>=~! ]", requirement)[0] for requirement in declared]
    assert [name for name in names if f"| {name} |" not in table] == []


def test_every_decision_has_its_four_parts() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert decisions
    parts = ("## Context", "## Decision", "## Alternatives", "## Consequences")
    assert [(path.name, part) for path in decisions for part in parts if part not in path.read_text()] == []
