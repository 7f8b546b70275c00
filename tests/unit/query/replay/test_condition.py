from __future__ import annotations

from typing import Any

import pytest

from query.replay.condition import ConditionError, ConditionFailure, rule_language, selection_language
from tests.support.decision import decision, full_decision
from tests.support.factory import BASE_US
from tracedata import Decision


def _holds(text: str, one: Decision) -> bool:
    language = rule_language()
    return language.compile(text).holds(language.facts(one))


# The condition, the input, and whether it holds.
_SAID: dict[str, tuple[str, Any, bool]] = {
    "numbers of both kinds": ("input.n < 1000.5 && input.n >= 3", {"n": 3}, True),
    "texts": ('input.plan.startsWith("ent") && input.plan.matches("^e.*e$")', {"plan": "enterprise"}, True),
    "a list": ('"vip" in input.tags && input.tags.exists(t, t == "a")', {"tags": ["vip", "a"]}, True),
    "a tuple": ("input.tags[1] == 2", {"tags": (1, 2)}, True),
    "maps in maps": ("input.a.b.c == 1.5", {"a": {"b": {"c": 1.5}}}, True),
    "what is there": ("has(input.plan) && !has(input.other)", {"plan": None}, True),
    "null": ("input.plan == null", {"plan": None}, True),
    "bytes": ("input.key == b'ab'", {"key": b"ab"}, True),
    "an input that is a text": ('input == "hello"', "hello", True),
    "no input": ("input == null", None, True),
    "another type is not the same": ("input.n == '3'", {"n": 3}, False),
    "false is enough": ("input.missing > 3 && false", {}, False),
    "true is enough": ("input.missing > 3 || true", {}, True),
}


@pytest.mark.parametrize(("text", "facts", "expected"), _SAID.values(), ids=_SAID)
def test_what_a_condition_says(text: str, facts: Any, expected: bool) -> None:  # noqa: ANN401, FBT001 - a value of JSON, and what is expected
    assert _holds(text, decision(input=facts)) is expected


_UNKNOWN: dict[str, tuple[str, Any, str]] = {
    "a field that is missing": ("input.n > 3", {}, 'there is no field "n"'),
    "a field in a field": ("input.a.b > 3", {"a": {}}, 'there is no field "b"'),
    "a field of a text": ("input.a.b > 3", {"a": "x"}, "a field is asked for of a value that has none"),
    "no input": ("input.a > 3", None, "a field is asked for of a value that has none"),
    "types that do not fit": ("input.n > 3", {"n": "3"}, "nothing is defined for these types: _>_(string, int64)"),
    "a division": ("input.n / 0 == 1", {"n": 1}, "divide by zero"),
    "an overflow": ("input.n + 1 > 0", {"n": 2**63 - 1}, "integer overflow"),
    "an integer that is too large": ("input.n > 0", {"n": 2**70}, "an integer is beyond 64 bits"),
    "neither true nor false": ("input.n", {"n": 3}, "it gives int, not true or false"),
    "many steps": (
        "input.l.all(a, input.l.all(b, input.l.all(c, a + b + c >= 0)))",
        {"l": list(range(100))},
        "it takes too many steps",
    ),
}


@pytest.mark.parametrize(("text", "facts", "reason"), _UNKNOWN.values(), ids=_UNKNOWN)
def test_what_cannot_be_said_is_neither_true_nor_false(text: str, facts: Any, reason: str) -> None:  # noqa: ANN401 - a value of JSON
    with pytest.raises(ConditionFailure) as caught:
        _holds(text, decision(input=facts))

    assert str(caught.value) == reason


def test_an_input_that_is_deep_is_not_looked_at() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]

    with pytest.raises(ConditionFailure, match="nested too deeply"):
        _holds("input.size() == 1", decision(input=deep))


def test_rules_see_what_was_known_before() -> None:
    one = full_decision(time_unix_nano=BASE_US * 1_000, session_id="s-1")
    text = (
        f'decision.type == "other" && decision.component == "{one.component}" && decision.service == "{one.service_name}"'
        f' && decision.request_id == "{one.request_id}" && decision.user_id == "{one.user_id}"'
        f' && decision.organization_id == "{one.organization_id}" && decision.session_id == "s-1"'
        f" && decision.time == timestamp({BASE_US // 1_000_000})"
    )
    assert _holds(text, one)


def test_selections_see_what_was_decided_too() -> None:
    language = selection_language()
    one = full_decision(is_enforced=False)
    text = (
        f'output.model == "gpt-4o-mini" && decision.outcome == "selected" && decision.rule_id == "{one.rule_id}"'
        f' && decision.rule_name == "{one.rule_name}" && decision.rule_version == "3" && !decision.enforced'
        f' && decision.id == "{one.id}" && decision.trace_id == "{one.trace_id.hex()}"'
        f' && decision.final_status == "{one.final.status}"'
    )
    assert language.compile(text).holds(language.facts(one))


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        pytest.param("input.n <", 1, 10, "syntax error: mismatched input '<EOF>'", id="an end"),
        pytest.param("input.n == 1 &&\n  foo", 2, 3, "undeclared reference to 'foo'", id="second line"),
        pytest.param('input.n == "é" && foo', 1, 19, "undeclared reference to 'foo'", id="after wide characters"),
        pytest.param(
            '1 + "a" == 2', 1, 3, "found no matching overload for '_+_' applied to '(int, string)'", id="types"
        ),
        pytest.param(
            "(" * 100 + "true" + ")" * 100, 1, 1, "Expression recursion limit exceeded. limit: 32", id="depth"
        ),
        pytest.param("true" + " " * 10_000, 1, 1, "a condition has at most 10,000 characters", id="length"),
        pytest.param("input.a == '\ud800'", 1, 1, "it is not text in UTF-8", id="surrogate"),
    ],
)
def test_what_is_no_condition(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        rule_language().compile(text)

    assert (caught.value.line, caught.value.column, caught.value.reason) == (line, column, reason)


# Each would take more memory than there is, or time without end, within the steps that the library allows.
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('["' + "x" * 100 + '"]' + ".map(a, a+a+a+a+a+a+a+a)" * 12 + ".size() == 1", "at most 8 additions"),
        ("input.exists(a, [a+a].exists(b, " * 6 + "true" + "))" * 6, "at most 5 of all"),
        (" && ".join(["input.all(a, a == 1)"] * 6), "at most 5 of all"),
        (" + ".join(["input"] * 10) + " == ''", "at most 8 additions"),
    ],
    ids=["a bomb of map", "a bomb of exists", "many comprehensions", "many additions"],
)
def test_a_condition_that_could_grow_without_bound_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConditionError, match=reason):
        rule_language().compile(text)


def test_what_honest_conditions_need_is_allowed() -> None:
    text = " && ".join(["input.n.all(a, a > 0)"] * 5) + " && " + " + ".join(["input.n[0]"] * 9) + " == 9"

    assert _holds(text, decision(input={"n": [1, 2]}))
