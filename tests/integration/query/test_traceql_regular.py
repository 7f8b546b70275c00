"""Translated regular expressions match in PostgreSQL what they match elsewhere."""

from __future__ import annotations

import re

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st

from query.traceql.regular import to_postgres
from tests.support.strategies import unhurried

_ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "é",
        ".",
        r"\.",
        r"\d",
        r"\w",
        r"\S",
        "[ab]",
        "[^a]",
        "[a-c]",
        r"[\d-]",
        r"[\]b]",
        "[]a]",
        "-",
        " ",
        r"\n",
        "]",
        "}",
        "/",
    ]
)
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join),
        inner.map(lambda pattern: f"({pattern})"),
        st.tuples(
            inner.map(lambda pattern: f"(?:{pattern})"),
            st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}"]),
        ).map("".join),
    ),
    max_leaves=6,
)
_TEXTS = st.text(st.sampled_from("abc1é.-] \n}/"), max_size=5)


@settings(unhurried, max_examples=150)
@given(pattern=_PATTERNS, flag=st.sampled_from(["", "(?i)"]), texts=st.lists(_TEXTS, min_size=1, max_size=20))
def test_they_match_alike(shared_postgres_dsn: str, pattern: str, flag: str, texts: list[str]) -> None:
    expected = [re.fullmatch(flag + pattern, text, re.DOTALL) is not None for text in texts]
    with psycopg.connect(shared_postgres_dsn) as connection:
        cursor = connection.execute(
            "SELECT text ~ %(pattern)s FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t(text, place) ORDER BY place",
            {"pattern": to_postgres(flag + pattern), "texts": texts},
        )
        assert [found for (found,) in cursor] == expected
