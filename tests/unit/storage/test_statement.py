from __future__ import annotations

import re
from importlib.resources import files

import pytest

from storage.postgres.statement import load_statements, split_statements

_FOLDER = files("storage.postgres").joinpath("sql")
FILES = sorted(entry.name for entry in _FOLDER.iterdir() if entry.name.endswith(".sql"))


@pytest.mark.parametrize("name", FILES)
def test_every_heading_opens_a_statement(name: str) -> None:
    headings = re.findall(r"^-- ([a-z_]+):", _FOLDER.joinpath(name).read_text(), re.MULTILINE)
    assert headings
    assert list(load_statements(name)) == headings


@pytest.mark.parametrize("name", FILES)
def test_statements_are_bare(name: str) -> None:
    for statement in load_statements(name).values():
        assert statement
        assert statement == statement.strip()
        assert not statement.endswith(";")


@pytest.mark.parametrize("name", FILES)
def test_a_percent_sign_always_opens_a_named_placeholder(name: str) -> None:
    for statement in load_statements(name).values():
        assert re.sub(r"%\([a-z_]+\)s", "", statement).count("%") == 0


def test_the_first_line_of_a_file_may_be_a_statement() -> None:
    assert load_statements("migration.sql")["lock"].startswith("SELECT pg_advisory_xact_lock")


def test_an_unknown_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        load_statements("unknown.sql")


def test_a_script_is_split_where_its_statements_end() -> None:
    script = "-- first; of all\nCREATE TABLE a (b text);\nCREATE FUNCTION f() AS $$ SELECT 1; -- in it\n SELECT 2 $$;\n-- last\n"
    assert split_statements(script) == [
        "CREATE TABLE a (b text)",
        "CREATE FUNCTION f() AS $$ SELECT 1; -- in it\n SELECT 2 $$",
    ]
