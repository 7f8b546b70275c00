from __future__ import annotations

import json

import pytest
import yaml

from query.replay.document import MAX_CHARS, RuleSetError
from query.replay.parsing import parse_rule_set
from query.replay.rule_set import Choice
from tests.support.rules import rule, rules_text

_HEAD = 'name: n\nversion: "1"\ndecisions:\n'
_POINT = f"{_HEAD}  - type: model_selection\n    component: router\n    rules:\n"
_ROUTE = "{route: {provider: p, model: m}}"
_GOOD = f"      - {{id: a, when: 'true', then: {_ROUTE}}}\n"


def test_everything_that_a_rule_set_can_say() -> None:
    text = """
name: relaycore
version: 1.10
decisions:
  - type: model_selection
    component: router
    strategy: priority
    rules:
      - id: r-1
        name: short
        priority: 10
        when: input.n < 3
        then: {route: {provider: openai, model: gpt-4o-mini}}
        enforced: false
    default: {route: {provider: openai, model: gpt-4.1}}
  - type: rule_evaluation
    component: guard
    rules:
      - {id: 4, when: input.card, then: {deny: {reason: a card}}}
      - {id: 5, when: true, then: {allow: }}
  - type: cache_decision
    component: cache
    rules:
      - {id: hit, when: input.s > 0.9, then: {cache: {use: true}}}
    default: {cache: {use: false}}
  - type: budget_check
    component: budget
    rules: []
    default: {budget: {allow: false}}
"""
    found = parse_rule_set(text)

    router, guard, cache, budget = found.points
    assert (found.name, found.version) == ("relaycore", "1.10")
    assert (router.strategy, guard.strategy) == ("priority", "first_match")
    (short,) = router.rules
    assert (short.id, short.name, short.priority, short.is_enforced) == ("r-1", "short", 10, False)
    assert short.then == Choice(outcome="selected", provider="openai", model="gpt-4o-mini")
    assert [(one.id, one.when, one.then.outcome, one.reason) for one in guard.rules] == [
        ("4", "input.card", "deny", "a card"),
        ("5", "true", "allow", ""),
    ]
    assert [point.default and point.default.label for point in found.points] == [
        "openai/gpt-4.1",
        None,
        "miss",
        "exceeded",
    ]
    assert [one.then for one in (short, *guard.rules, *cache.rules)] == [
        Choice(outcome="selected", provider="openai", model="gpt-4o-mini"),
        Choice(outcome="deny"),
        Choice(outcome="allow"),
        Choice(outcome="hit"),
    ]
    assert budget.default == Choice(outcome="exceeded")


@pytest.mark.parametrize("indentation", [None, 2, "\t"], ids=["one line", "spaces", "tabs"])
def test_json_says_the_same(indentation: int | str | None) -> None:
    text = rules_text(rule("r-1", "input.n < 3"), rule("r-2", 'input.plan == "é😀"'), default="{route: large}")
    as_json = json.dumps(yaml.safe_load(text), indent=indentation)
    assert "\\ud83d\\ude00" in as_json

    assert parse_rule_set(as_json) == parse_rule_set(text)


# What is wrong, and what is said of it. Line and column are those of an editor.
_WRONG = {
    "nothing": ("", ["1:1: there is nothing in it"]),
    "no yaml": ("name: [", ["2:1: did not find expected node content"]),
    "a list": ("- name: x\n", ["1:1: the rule set must be a mapping"]),
    "members missing": ("name: x\n", ["1:1: the rule set: version and decisions are missing"]),
    "an unknown key": (
        f"nme: x\n{_POINT}{_GOOD}",
        [
            "1:1: the rule set: unknown key 'nme' (is name meant?); known are name, version, decisions",
        ],
    ),
    "a key twice": (f"name: x\n{_POINT}{_GOOD}", ["2:1: the rule set: name stands twice"]),
    "a name with a slash": (
        _POINT.replace("name: n", "name: a/b") + _GOOD,
        ["1:7: name must begin with a letter or digit, and have only letters, digits and . _ - in it"],
    ),
    "no decisions": (_HEAD.replace("decisions:", "decisions: []"), ["3:12: decisions must not be empty"]),
    "an unknown type": (
        _POINT.replace("model_selection", "model_selction") + _GOOD,
        [
            (
                "4:11: type must be one of rule_evaluation, model_selection, cache_decision, budget_check, other"
                " (is model_selection meant?)"
            )
        ],
    ),
    "an unknown strategy": (
        _POINT.replace("    rules", "    strategy: first\n    rules") + _GOOD,
        ["6:15: strategy must be one of first_match, priority (is first_match meant?)"],
    ),
    "the same decisions twice": (
        _POINT + _GOOD + "  - {type: model_selection, component: router, rules: []}\n",
        ["8:5: the decisions of type model_selection and component router stand twice"],
    ),
    "an id twice": (
        _POINT + _GOOD + _GOOD,
        ["8:9: rule a: another rule of these decisions has the same id"],
    ),
    "a rule without a condition": (
        _POINT + f"      - {{id: a, then: {_ROUTE}}}\n",
        ["7:9: rule a: a rule: when is missing"],
    ),
    "an unknown key of a rule": (
        _POINT + f"      - id: a\n        when: 'true'\n        enforce: false\n        then: {_ROUTE}\n",
        [
            "9:9: rule a: a rule: unknown key 'enforce' (is enforced meant?); known are id, name, priority, when, then, enforced"
        ],
    ),
    "a priority without the strategy": (
        _POINT + f"      - {{id: a, when: 'true', priority: 3, then: {_ROUTE}}}\n",
        ["7:41: rule a: priority means something with strategy: priority only"],
    ),
    "a condition that cannot be parsed": (
        _POINT + f"      - id: a\n        when: input.n <\n        then: {_ROUTE}\n",
        ["8:24: rule a: when, column 10: syntax error: mismatched input '<EOF>'"],
    ),
    "a condition of several lines": (
        _POINT
        + f"      - id: a\n        when: |\n          input.n > 3 &&\n          imput.n < 3\n        then: {_ROUTE}\n",
        ["10:16: rule a: when, line 2, column 6: undeclared reference to 'imput.n'"],
    ),
    "a condition that is folded": (
        _POINT
        + f"      - id: a\n        when: >\n          input.n > 3 &&\n          imput.n < 3\n        then: {_ROUTE}\n",
        ["8:15: rule a: when, column 21: undeclared reference to 'imput.n'"],
    ),
    "a condition in quotes": (
        _POINT + f"      - {{id: a, when: 'input.é', then: {_ROUTE}}}\n",
        ["7:30: rule a: when, column 7: syntax error: token recognition error at: 'é'"],
    ),
    "a field of the decision that there is not": (
        _POINT + f"      - {{id: a, when: 'decision.user == \"x\"', then: {_ROUTE}}}\n",
        ["7:32: rule a: when, column 9: undeclared reference to 'decision.user'"],
    ),
    "a condition that sees what was decided": (
        _POINT + f"      - {{id: a, when: 'output.model == \"x\"', then: {_ROUTE}}}\n",
        ["7:30: rule a: when, column 7: undeclared reference to 'output.model'"],
    ),
    "a condition that is a number": (
        _POINT + f"      - {{id: a, when: '1 + 1', then: {_ROUTE}}}\n",
        ["7:24: rule a: when, column 1: it must be true or false, and is int"],
    ),
    "a function that there is not": (
        _POINT + f"      - {{id: a, when: 'open(input.n)', then: {_ROUTE}}}\n",
        ["7:28: rule a: when, column 5: undeclared reference to 'open'"],
    ),
    "an action of another type": (
        _POINT + "      - {id: a, when: 'true', then: {allow: {}}}\n",
        ["7:37: rule a: then: allow is no action for decisions of type model_selection, but route"],
    ),
    "two actions": (
        _POINT + f"      - {{id: a, when: 'true', then: {_ROUTE[:-1]}, deny: {{}}}}}}\n",
        ["7:37: rule a: then must have exactly one of route"],
    ),
    "a route without a model": (
        _POINT + "      - {id: a, when: 'true', then: {route: {provider: p}}}\n",
        ["7:45: rule a: route: model is missing"],
    ),
    "two problems": (
        _POINT + "      - {id: a, when: 'x', then: {route: {provider: p, modell: m}}}\n",
        [
            "7:24: rule a: when, column 1: undeclared reference to 'x'",
            "7:42: rule a: route: model is missing",
            "7:56: rule a: route: unknown key 'modell' (is model meant?); known are provider, model",
        ],
    ),
    "an alias": ("name: &a x\nversion: *a\n", ["1:7: anchors and aliases are not allowed"]),
    "a document that is deep": (f"name: {'[' * 30}", ["1:26: it is nested too deeply"]),
    "a control character": ("name: \x01", ["1:1: it has a character that YAML does not allow"]),
}


@pytest.mark.parametrize(("text", "problems"), _WRONG.values(), ids=_WRONG)
def test_what_is_wrong_is_told_with_its_place(text: str, problems: list[str]) -> None:
    with pytest.raises(RuleSetError) as caught:
        parse_rule_set(text, source="rules.yaml")

    assert str(caught.value).split("\n") == [f"rules.yaml:{problem}" for problem in problems]


def test_a_text_that_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(RuleSetError, match=r"rules.yaml:1:1: a rule set has at most 1,000,000 characters"):
        parse_rule_set("#" * (MAX_CHARS + 1), source="rules.yaml")


def test_of_many_problems_the_first_are_told() -> None:
    bad = "".join(f"      - {{id: r-{number}, when: 'x', then: {_ROUTE}}}\n" for number in range(30))

    with pytest.raises(RuleSetError) as caught:
        parse_rule_set(_POINT + bad)

    assert len(caught.value.problems) == 30
    assert str(caught.value).split("\n")[-1] == "and 10 more"


def test_kinds_of_decisions_without_rules_are_limited_as_rules_are() -> None:
    points = "".join(f"  - {{type: other, component: c{number}, rules: []}}\n" for number in range(5_001))

    with pytest.raises(RuleSetError, match="at most 5,000 rules"):
        parse_rule_set(_HEAD + points)
