"""Static SQL by name. The files in ``sql/`` hold named statements: a line ``-- name: what it is for``, then the SQL."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import LiteralString

_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_HEADING = re.compile(r"^-- (?P<name>[a-z_]+): .+$", re.MULTILINE)


def load_statements(file_name: str) -> dict[str, LiteralString]:
    """The statements of one file by name.

    Raises:
        ValueError: a name stands twice.
    """
    text = files("storage.postgres").joinpath("sql", file_name).read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    statements: dict[str, LiteralString] = {}
    for heading, end in zip(headings, ends, strict=True):
        name = heading["name"]
        if name in statements:
            raise ValueError(f"{file_name}: the statement {name} stands twice")
        # The files are part of the program, as trustworthy as a literal in it.
        statements[name] = text[heading.end() : end].strip().removesuffix(";")
    return statements


def split_statements(text: LiteralString) -> list[LiteralString]:
    """The statements of a script, without comments; semicolons end them, but not between ``$$``.

    A script sent whole would do, were it not for Citus, which passes what it is sent on to its nodes as one statement.
    """
    statements: list[LiteralString] = []
    current: LiteralString = ""
    for number, part in enumerate(text.split("$$")):
        if number % 2:
            current += f"$${part}$$"
            continue
        *ended, rest = _COMMENT.sub("", part).split(";")
        for end in ended:
            statements.append((current + end).strip())
            current = ""
        current += rest
    return statements
