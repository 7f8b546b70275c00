"""Statements of rolling up, with the fragments that they share: the leader and the reader must count alike."""

from __future__ import annotations

from typing import LiteralString

from storage.postgres.statement import load_statements

_FRAGMENTS = load_statements("rollup_relation.sql")


def load_rollup_statements(file_name: str) -> dict[str, LiteralString]:
    """The statements of a file, with the fragments that they name."""
    return {name: _whole(statement) for name, statement in load_statements(file_name).items()}


def _whole(statement: LiteralString) -> LiteralString:
    # Fragments name fragments that stand before them.
    for name in reversed(_FRAGMENTS):
        statement = statement.replace(f"{{{name}}}", _FRAGMENTS[name])
    return statement
