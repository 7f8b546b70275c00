"""Rule sets for tests, and what is replayed under them."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent, indent
from typing import Any

from query.replay.parsing import parse_rule_set
from query.replay.replaying import Replay
from query.replay.report import ReplayReport
from query.replay.rule_set import RuleSet
from storage.replay import Observed, RecordedDecision
from tests.support.decision import decision
from tests.support.factory import BASE_US
from tracedata import Decision

SMALL, LARGE = "openai/gpt-4o-mini", "openai/gpt-4.1"
_PLACES = {"small": "{provider: openai, model: gpt-4o-mini}", "large": "{provider: openai, model: gpt-4.1}"}


def rule(name: str, when: str, then: str = "{route: small}", **more: object) -> str:
    """A rule of a router in one line; ``small`` and ``large`` are models."""
    for word, place in _PLACES.items():
        then = then.replace(f"route: {word}", f"route: {place}")
    rest = "".join(f", {key}: {str(value).lower()}" for key, value in more.items())
    return f"{{id: {name}, when: '{when}', then: {then}{rest}}}"


def rules_text(
    *rules: str, point: str = "type: model_selection", default: str = "", strategy: str = "first_match"
) -> str:
    """A rule set in YAML for the router."""
    lines = "".join(f"\n      - {one}" for one in rules) or " []"
    last = f"\n    default: {default}" if default else ""
    for word, place in _PLACES.items():
        last = last.replace(f"route: {word}", f"route: {place}")
    return (
        f'name: relaycore\nversion: "3"\ndecisions:\n  - {point}\n    component: router\n    strategy: {strategy}\n'
        f"    rules:{lines}{last}\n"
    )


def rule_set(*rules: str, **more: str) -> RuleSet:
    """The same, read."""
    return parse_rule_set(rules_text(*rules, **more))


def routed(number: int, model: str = "gpt-4o-mini", *, facts: Any = None, **fields: Any) -> Decision:  # noqa: ANN401 - a value of JSON, and the fields of Decision
    """A recorded choice of the router, a second after the one before it."""
    values = {
        "id": f"d-{number}",
        "trace_id": number.to_bytes(16, "big"),
        "time_unix_nano": (BASE_US + number * 1_000_000) * 1_000,
        "input": {"n": number} if facts is None else facts,
        "output": {"provider": "openai", "model": model},
        "outcome": "selected",
        "rule_version": "3",
    }
    return decision(**{**values, **fields})


def replayed(
    rules: RuleSet,
    decisions: Iterable[Decision],
    *,
    observed: Iterable[Observed] = (),
    where: str = "",
    examples: int = 3,
) -> ReplayReport:
    """The report of a replay."""
    replay = Replay(rules, where=where, examples=examples)
    replay.add_all(RecordedDecision(one) for one in decisions)
    return replay.report(observed)


def block(text: str, *, by: int = 0) -> str:
    """A text of several lines, as indented as wanted."""
    return indent(dedent(text).strip("\n"), " " * by) + "\n"
