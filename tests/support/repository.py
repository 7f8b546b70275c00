"""What is committed, for tests about the repository itself."""

from __future__ import annotations

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ROOMS = ("processors", "query", "receiver", "redaction", "relayscope", "storage", "tracedata")


@cache
def committed_files() -> tuple[Path, ...]:
    """Every file under version control that is still there."""
    # In containers the checkout often belongs to another user, which git refuses to read without being told.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def pyproject() -> dict[str, Any]:  # Any: TOML has no schema of its own
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def document(name: str) -> str:
    """The text of a document, by its path from the root."""
    return (ROOT / name).read_text()
