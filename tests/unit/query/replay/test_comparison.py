from __future__ import annotations

from typing import Any

import pytest

from query.replay.comparison import compare, recorded_choice
from query.replay.evaluation import Evaluator
from tests.support.decision import decision
from tests.support.rules import routed, rule, rule_set

_MODEL = {"provider": "openai", "model": "gpt-4o"}

# Type, outcome and output as recorded; the choice in a word, or None.
_RECORDED: dict[str, tuple[str, str, Any, str | None]] = {
    "a route": ("model_selection", "selected", _MODEL, "openai/gpt-4o"),
    "a route without an outcome": ("model_selection", "", _MODEL, "openai/gpt-4o"),
    "a route without a provider": ("model_selection", "selected", {"model": "gpt-4o"}, "gpt-4o"),
    "a route in other words": ("model_selection", "selected", {"selected": "gpt-4o"}, "gpt-4o"),
    "a route that is a text": ("model_selection", "selected", "gpt-4o", "gpt-4o"),
    "a route without a model": ("model_selection", "selected", {"provider": "openai"}, None),
    "a route that is a number": ("model_selection", "selected", 4, None),
    "a route to nowhere": ("model_selection", "", None, None),
    "a route that was denied": ("model_selection", "deny", _MODEL, "deny"),
    "a router that failed": ("model_selection", "error", None, "error"),
    "allowed": ("rule_evaluation", "allow", {"allow": True}, "allow"),
    "allowed, in capitals": ("rule_evaluation", "Allow", None, "allow"),
    "denied, by the output": ("rule_evaluation", "", {"allow": False}, "deny"),
    "allowed and denied": ("rule_evaluation", "allow", {"allow": False}, None),
    "modified": ("rule_evaluation", "modify", {"allow": True}, "modify"),
    "nothing": ("rule_evaluation", "", {"score": 1}, None),
    "a hit": ("cache_decision", "", {"hit": True}, "hit"),
    "a hit that is none": ("cache_decision", "hit", {"hit": False}, None),
    "within": ("budget_check", "within", {"allow": True}, "within"),
    "exceeded": ("budget_check", "", {"allow": False}, "exceeded"),
    "another one that routes": ("other", "selected", _MODEL, "openai/gpt-4o"),
    "another one that allows": ("other", "", {"allow": True}, "allow"),
    "another one in its own words": ("other", "approved_for_session", {"tool": "x"}, "approved_for_session"),
    "another one that says nothing": ("other", "", {"tool": "x"}, None),
}


@pytest.mark.parametrize(("type_", "outcome", "output", "expected"), _RECORDED.values(), ids=_RECORDED)
def test_what_was_recorded(type_: str, outcome: str, output: Any, expected: str | None) -> None:  # noqa: ANN401 - a value of JSON
    found = recorded_choice(decision(type=type_, outcome=outcome, output=output))

    assert (found.label if found else None) == expected


_RULES = (
    rule("bad", "input.bad > 1"),
    rule("r-17", "input.n < 10"),
    rule("r-21", "input.n < 20", "{route: large}"),
)


# The recorded fields, with what was decided from, and the verdict.
_VERDICTS: dict[str, tuple[dict[str, Any], str]] = {
    "the same by the same rule": ({"rule_id": "r-17"}, "same"),
    "the same by a rule of that name": ({"rule_name": "short"}, "same"),
    "the same, and no rule was recorded": ({}, "same"),
    "the same by another rule": ({"rule_id": "r-99"}, "other_rule"),
    "the id counts more than the name": ({"rule_id": "r-99", "rule_name": "short"}, "other_rule"),
    "another provider": ({"output": {"provider": "azure", "model": "gpt-4o-mini"}}, "flip"),
    "no provider": ({"output": {"model": "gpt-4o-mini"}}, "same"),
    "another model": ({"rule_id": "r-17", "output": {"provider": "openai", "model": "gpt-4.1"}}, "flip"),
    "another outcome": ({"outcome": "deny"}, "flip"),
    "the recorded one failed": ({"outcome": "error"}, "flip"),
    "unreadable": ({"output": {"tier": 3}}, "unreadable"),
    "undecided": ({"input": {"bad": 0, "n": 30}}, "undecided"),
    "failed": ({"input": {"n": 3}, "rule_id": "r-17"}, "failed"),
    "failed as it did": ({"input": {"n": 3}, "outcome": "error", "rule_id": "bad"}, "same"),
    "failed as it did, and no rule was recorded": ({"input": {"n": 3}, "outcome": "error"}, "same"),
    "failed where another rule did": ({"input": {"n": 3}, "outcome": "error", "rule_id": "r-17"}, "failed"),
    "not decided": ({"component": "another"}, "not_decided"),
}


@pytest.mark.parametrize(("fields", "verdict"), _VERDICTS.values(), ids=_VERDICTS)
def test_what_became_of_a_decision(fields: dict[str, Any], verdict: str) -> None:
    rules = rule_set(*(one.replace("{id: r-17,", "{id: r-17, name: short,") for one in _RULES))
    one = routed(1, facts={"n": 3, "bad": 0})
    recorded = routed(1, **{"facts": one.input, **fields})

    assert compare(recorded, Evaluator(rules).evaluate(recorded)).verdict == verdict


def test_the_default_is_another_rule_than_the_one_that_was_recorded() -> None:
    rules = rule_set(default="{route: small}")
    by_rule, by_none = routed(1, rule_id="r-17"), routed(1)

    assert compare(by_rule, Evaluator(rules).evaluate(by_rule)).verdict == "other_rule"
    assert compare(by_none, Evaluator(rules).evaluate(by_none)).verdict == "same"
