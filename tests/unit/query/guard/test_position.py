"""Refusals say where they are, in the text that the user wrote."""

from __future__ import annotations

import pytest

from query.guard.guard import check_sql
from query.guard.position import Splice, SqlRefusal, original_offset, spliced
from query.place import place_at

TRACE = "5b8efff798038103d269b633813fc60c"
REFUSED = {
    "a function": ("SELECT\n  name,\n  nope(name) FROM spans", 3, 3, "nope"),
    "behind letters of two bytes": ("SELECT 'äöü€', pg_sleep(1)", 1, 16, "pg_sleep"),
    "a syntax error": ("SELECT *\nFORM spans", 2, 1, 'syntax error at or near "FORM"'),
    "the end": ("SELECT * FROM", 1, 14, "syntax error at end of input"),
    "a view": ("SELECT *\n  FROM span", 2, 8, "did you mean spans?"),
    "a table in a sub-query": ("SELECT (SELECT 1 FROM relayscope.spans)", 1, 23, "no view of this name"),
    "a type": ("SELECT name::regclass FROM spans", 1, 14, "regclass"),
    "a parameter": ("SELECT name, $2 FROM spans", 1, 14, "no value for $2"),
    "another statement": ("SELECT 1;\n\n DELETE FROM spans", 3, 2, "only one statement"),
    "SELECT INTO": ("SELECT 1 INTO x", 1, 15, "SELECT INTO"),
    "a function close to one": ("SELECT cuont(*) FROM spans", 1, 8, "did you mean count"),
    "a NUL": ("SELECT '\0'", 1, 9, "NUL"),
}  # fmt: skip


@pytest.mark.parametrize(("sql", "line", "column", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_has_its_place(sql: str, line: int, column: int, message: str) -> None:
    with pytest.raises(SqlRefusal) as caught:
        check_sql(sql, ["a"])
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == (line, column)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"line {line}, column {column}: ")


@pytest.mark.parametrize("sql", ["", " ", ";;", "-- nothing"])
def test_nothing_is_no_query(sql: str) -> None:
    with pytest.raises(SqlRefusal, match="there is no query"):
        check_sql(sql)


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(SqlRefusal, match="not text in UTF-8"):
        check_sql("SELECT '\ud800'")


def test_a_place_behind_what_was_changed_is_found_again() -> None:
    sql = f"SELECT 'ü', nope FROM spans WHERE trace_id = '{TRACE}' AND wrong"
    guarded = check_sql(sql)
    assert guarded.text != sql
    place = guarded.place_of(guarded.text.index("wrong"))
    assert place == place_at(sql, sql.index("wrong"))
    assert guarded.place_of(guarded.text.index("nope")) == place_at(sql, sql.index("nope"))
    assert guarded.place_of(None) is None


def test_every_character_that_was_not_changed_keeps_its_place() -> None:
    text = "abcdefghij"
    splices = [Splice(start=2, end=4, text="XXXXX"), Splice(start=6, end=9, text="Y")]
    changed = spliced(text, splices)
    assert changed == "abXXXXXefYj"
    assert {changed[at]: text[original_offset(at, splices)] for at in range(len(changed))} == {
        "a": "a", "b": "b", "X": "c", "e": "e", "f": "f", "Y": "g", "j": "j"
    }  # fmt: skip
