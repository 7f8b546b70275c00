"""Text of code and of diffs: the standard library's own source, in which nothing is anybody's secret."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Tests of network protocols are full of passwords that only their place tells from real ones.
_LEFT_OUT = frozenset(("site-packages", "dist-packages", "test", "tests", "__pycache__"))


def texts() -> Iterator[str]:
    """Each file, every other one as the diff that adds it."""
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(path for path in root.rglob("*.py") if _LEFT_OUT.isdisjoint(path.relative_to(root).parts))
    for number, path in enumerate(files):
        text = path.read_text(encoding="utf-8", errors="replace")
        yield _as_diff(path.name, text) if number % 2 else text


def _as_diff(name: str, text: str) -> str:
    lines = text.splitlines()
    head = f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@\n"
    return head + "".join(f"+{line}\n" for line in lines)
