from __future__ import annotations

import pytest

from query.path import parse_path_predicate
from storage.decision_reader import PathPredicate
from tracedata import CallerError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input.plan=enterprise", PathPredicate(root="input", path=["plan"], operator="=", text="enterprise")),
        ("output.allow = false", PathPredicate(root="output", path=["allow"], operator="=", text="false")),
        ("input.n>=1000", PathPredicate(root="input", path=["n"], operator=">=", text="1000", number="1000")),
        (
            "input.a.0.b<-1.5e3",
            PathPredicate(root="input", path=["a", "0", "b"], operator="<", text="-1.5e3", number="-1.5e3"),
        ),
        ('input.id="007"', PathPredicate(root="input", path=["id"], operator="=", text="007")),
        ("input.id!=007", PathPredicate(root="input", path=["id"], operator="!=", text="007", number="007")),
        ("output~deny", PathPredicate(root="output", path=[], operator="~", text="deny")),
        ('attributes."a.b=c".d=x=y', PathPredicate(root="attributes", path=["a.b=c", "d"], operator="=", text="x=y")),
        ("input.plan=", PathPredicate(root="input", path=["plan"], operator="=", text="")),
        (r'input."a\"b"="x\"y"', PathPredicate(root="input", path=['a"b'], operator="=", text='x"y')),
    ],
    ids=[
        "text",
        "spaces",
        "number",
        "nested",
        "quoted number",
        "bare number",
        "root",
        "quoted key",
        "empty",
        "escaped",
    ],
)
def test_a_place_an_operator_and_a_value(text: str, expected: PathPredicate) -> None:
    assert parse_path_predicate(text) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("plan=enterprise", "input.plan=enterprise"),
        ("input.plan", "operator"),
        ("input..plan=1", "operator"),
        ("input.n>many", "numbers"),
        ('input.n<"7"', "numbers"),
        ("", "operator"),
    ],
    ids=["no root", "no operator", "empty key", "order of texts", "order of a quoted text", "nothing"],
)
def test_anything_else_is_refused(text: str, named: str) -> None:
    with pytest.raises(CallerError, match=named):
        parse_path_predicate(text)
