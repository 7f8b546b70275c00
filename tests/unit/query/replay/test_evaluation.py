from __future__ import annotations

from typing import Any

import pytest

from query.replay.evaluation import Evaluator
from tests.support.rules import LARGE, SMALL, routed, rule, rule_set

_LARGE = "{route: large}"
_SMALL_FIRST = (rule("a", "input.n < 10"), rule("b", "input.n < 20", _LARGE))
_PRIORITIES = (
    rule("low", "input.n > 0", _LARGE, priority=1),
    rule("high", "input.n > 5", priority=9),
    rule("also", "input.n > 7", _LARGE, priority=9),
)
_FAILING = rule("bad", "input.missing > 1", _LARGE)

# Rules, strategy, default, the input; then the choice, the rule that decides or fails, the reason, the ties.
_CASES: dict[str, tuple[tuple[str, ...], str, str, Any, tuple[str | None, str | None, str, list[str]]]] = {
    "the first that matches": (_SMALL_FIRST, "first_match", "", {"n": 3}, (SMALL, "a", "", [])),
    "the second, when the first does not": (_SMALL_FIRST, "first_match", "", {"n": 13}, (LARGE, "b", "", [])),
    "none": (_SMALL_FIRST, "first_match", "", {"n": 30}, (None, None, "", [])),
    "the default": (_SMALL_FIRST, "first_match", _LARGE, {"n": 30}, (LARGE, None, "", [])),
    "the highest priority": (_PRIORITIES, "priority", "", {"n": 6}, (SMALL, "high", "", [])),
    "a lower one": (_PRIORITIES, "priority", "", {"n": 3}, (LARGE, "low", "", [])),
    "a tie is won by the first in the file": (_PRIORITIES, "priority", "", {"n": 8}, (SMALL, "high", "", ["also"])),
    "a failure before the winner": (
        (_FAILING, *_SMALL_FIRST),
        "first_match",
        _LARGE,
        {"n": 3},
        (None, "bad", 'there is no field "missing"', []),
    ),
    "a failure after the winner": ((*_SMALL_FIRST, _FAILING), "first_match", "", {"n": 3}, (SMALL, "a", "", [])),
    "a failure before the default": (
        (*_SMALL_FIRST, _FAILING),
        "first_match",
        _LARGE,
        {"n": 30},
        (None, "bad", 'there is no field "missing"', []),
    ),
    "a failure of a lower priority": (
        (*_PRIORITIES, rule("bad", "input.missing > 1", priority=5)),
        "priority",
        "",
        {"n": 6},
        (SMALL, "high", "", []),
    ),
    "a failure of a higher priority": (
        (*_PRIORITIES, rule("bad", "input.missing > 1", priority=10)),
        "priority",
        "",
        {"n": 6},
        (None, "bad", 'there is no field "missing"', []),
    ),
    "a failure of the same priority, later in the file": (
        (*_PRIORITIES, rule("bad", "input.missing > 1", priority=9)),
        "priority",
        "",
        {"n": 6},
        (SMALL, "high", "", []),
    ),
    "no input": (
        _SMALL_FIRST,
        "first_match",
        "",
        None,
        (None, "a", "the decision has no recorded input", []),
    ),
    "no rules": ((), "first_match", _LARGE, {"n": 3}, (LARGE, None, "", [])),
}


@pytest.mark.parametrize(("rules", "strategy", "default", "facts", "expected"), _CASES.values(), ids=_CASES)
def test_what_a_point_decides(
    rules: tuple[str, ...],
    strategy: str,
    default: str,
    facts: Any,  # noqa: ANN401 - a value of JSON
    expected: tuple[str | None, str | None, str, list[str]],
) -> None:
    evaluator = Evaluator(rule_set(*rules, strategy=strategy, default=default))

    found = evaluator.evaluate(routed(1, input=facts))

    assert found is not None
    rule = found.failure.rule if found.failure else found.rule
    assert (
        found.choice.label if found.choice else None,
        rule.id if rule else None,
        found.failure.reason if found.failure else "",
        [one.id for one in found.tied],
    ) == expected


@pytest.mark.parametrize("field", ["type", "component"])
def test_other_decisions_are_not_decided(field: str) -> None:
    other = {"type": "cache_decision", "component": "another"}[field]

    assert Evaluator(rule_set(*_SMALL_FIRST)).evaluate(routed(1, **{field: other})) is None


_SHADOW = rule("shadow", "input.n < 5", _LARGE, enforced=False)


def test_a_shadow_rule_matches_and_decides_nothing() -> None:
    found = Evaluator(rule_set(_SHADOW, *_SMALL_FIRST)).evaluate(routed(3))

    assert found is not None
    assert found.choice is not None
    assert (found.choice.label, [one.id for one in found.shadows]) == (SMALL, ["shadow"])


def test_a_shadow_rule_that_fails_is_told_of_and_changes_nothing() -> None:
    bad = rule("shadow", "input.missing > 1", _LARGE, enforced=False)
    found = Evaluator(rule_set(bad, *_SMALL_FIRST)).evaluate(routed(3))

    assert found is not None
    assert found.choice is not None
    assert found.choice.label == SMALL
    assert [(one.rule.id, one.reason) for one in found.shadow_failures] == [("shadow", 'there is no field "missing"')]


@pytest.mark.parametrize(
    ("number", "rule_id", "expected"),
    [
        pytest.param(3, "shadow", LARGE, id="it matches"),
        pytest.param(3, "", LARGE, id="no rule was recorded"),
        pytest.param(8, "shadow", "", id="it does not match"),
        pytest.param(3, "a", None, id="the rule is none of the shadow rules"),
    ],
)
def test_a_recorded_shadow_decision_is_that_of_its_rule_alone(number: int, rule_id: str, expected: str | None) -> None:
    found = Evaluator(rule_set(_SHADOW, *_SMALL_FIRST)).evaluate(routed(number, rule_id=rule_id, is_enforced=False))

    assert (None if found is None else found.choice.label if found.choice else "") == expected
