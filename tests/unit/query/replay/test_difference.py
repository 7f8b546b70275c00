from __future__ import annotations

from query.replay.difference import differences
from query.replay.rule_set import RuleSet
from tests.support.rules import rule, rule_set

_A, _B, _C = rule("a", "input.n < 1"), rule("b", "input.n < 2"), rule("c", "input.n < 3", "{route: large}")


def _found(before: RuleSet, after: RuleSet) -> list[tuple[str | None, str, list[tuple[str, str | None, str | None]]]]:
    return [
        (one.rule, one.change, [(field.field, field.before, field.after) for field in one.fields])
        for one in differences(before, after)
    ]


def test_the_same_rules_do_not_differ() -> None:
    assert _found(rule_set(_A, _B), rule_set(_A, _B)) == []


def test_a_rule_that_says_something_else() -> None:
    changed = rule("b", "input.n < 2 || input.n > 9", "{route: large}", enforced=False)

    assert _found(rule_set(_A, _B), rule_set(_A, changed)) == [
        (
            "b",
            "changed",
            [
                ("when", "input.n < 2", "input.n < 2 || input.n > 9"),
                ("then", "route openai/gpt-4o-mini", "route openai/gpt-4.1"),
                ("enforced", "true", "false"),
            ],
        )
    ]


def test_a_rule_that_is_new_and_one_that_is_gone() -> None:
    found = _found(rule_set(_A, _B), rule_set(_C, _B))

    assert [(rule_id, change) for rule_id, change, _ in found] == [("c", "added"), ("a", "removed")]
    assert ("when", None, "input.n < 3") in found[0][2]
    assert ("when", "input.n < 1", None) in found[1][2]


def test_the_order_of_the_rules_matters() -> None:
    assert _found(rule_set(_A, _B, _C), rule_set(_A, _C, _B)) == [
        ("c", "changed", [("place", "3", "2")]),
        ("b", "changed", [("place", "2", "3")]),
    ]


def test_the_default_and_the_strategy() -> None:
    before, after = rule_set(_A), rule_set(_A, default="{route: large}", strategy="priority")

    assert _found(before, after) == [
        (None, "changed", [("strategy", "first_match", "priority"), ("default", None, "openai/gpt-4.1")])
    ]


def test_decisions_that_are_new() -> None:
    after = rule_set(_A, point="type: other")

    assert [(rule_id, change) for rule_id, change, _ in _found(rule_set(), after)] == [
        (None, "added"),
        ("a", "added"),
        (None, "removed"),
    ]
