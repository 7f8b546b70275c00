"""What a refused query says was most likely meant."""

from __future__ import annotations

import pytest

from query.traceql.failure import QueryError
from query.traceql.parser import parse

CASES = {
    "braces": ("status = error", "conditions stand in braces"),
    "braces of an attribute": ('.service.name = "a"', "conditions stand in braces"),
    "no scope": ('{ service.name = "a" }', "`span.service.name`, `resource.service.name`, or `.service.name`"),
    "no scope after logic": ('{ status = error && nme = "a" }', "`span.nme`"),
    "no quotes": ("{ resource.service.name = gateway }", 'text stands in quotes, as in `"gateway"`'),
    "single quotes": ("{ name = 'a' }", 'text stands in "quotes"'),
    "double equals": ('{ name == "a" }', "write `=` instead of `==`"),
    "tilde first": ('{ name ~= "a" }', "write `=~` instead of `~=`"),
    "and": ('{ name = "a" and status = error }', "write `&&`"),
    "or": ('{ name = "a" OR status = error }', "write `||`"),
    "capitals": ("{ status = ERROR }", "write `error`"),
    "unknown status": ("{ status = failed }", "a status is one of `unset`, `ok`, `error`"),
    "unknown kind": ("{ span:kind != web }", "a kind is one of `unspecified`, `internal`"),
    "unit": ("{ duration > 1sec }", "the units of durations are"),
    "stage of others": ("{} | topk(5)", "not in the subset"),
    "field of others": ("{ parent.a = 1 }", "not in the subset"),
    "hints of others": ('{ name = "a" } with (most_recent=true)', "not in the subset"),
}


@pytest.mark.parametrize(("query", "meant"), CASES.values(), ids=CASES)
def test_says_what_was_meant(query: str, meant: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)

    assert meant in str(caught.value)
    assert caught.value.expected


@pytest.mark.parametrize("query", ['{ name = "a"', "{ name = }", '{ name = "a" b }', "{} |", "{} | foo"])
def test_says_what_is_possible_when_nothing_comes_to_mind(query: str) -> None:
    with pytest.raises(QueryError, match="; possible here: "):
        parse(query)
