"""A report depends on what is replayed, and on nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.replay.replaying import Replay
from query.replay.rule_set import RuleSet
from storage.replay import Moments, Observed, RecordedDecision
from tests.support.rules import routed, rule, rule_set
from tracedata import Decision

_MODELS = ("gpt-4o-mini", "gpt-4.1", "o4-mini")
_RULES = rule_set(
    rule("a", "input.n % 3 == 0", priority=2),
    rule("b", "input.n > 4", "{route: large}", priority=2),
    rule("c", "input.extra", "{route: large}"),
    rule("d", "input.n > 2", enforced=False),
    strategy="priority",
)


@st.composite
def _decisions(draw: st.DrawFn) -> list[Decision]:
    numbers = draw(st.lists(st.integers(0, 60), unique=True, max_size=20))
    return [_decision(draw, number) for number in numbers]


def _decision(draw: st.DrawFn, number: int) -> Decision:
    facts: dict[str, Any] = {"n": draw(st.one_of(st.integers(0, 9), st.text(max_size=2)))}
    if draw(st.booleans()):
        facts["extra"] = draw(st.one_of(st.booleans(), st.none(), st.floats()))
    return routed(
        number,
        draw(st.sampled_from(_MODELS)),
        facts=facts,
        rule_id=draw(st.sampled_from(["", "a", "b"])),
        rule_version=draw(st.sampled_from(["", "2", "3"])),
        is_enforced=draw(st.sampled_from([None, True, False])),
        outcome=draw(st.sampled_from(["selected", "", "error"])),
    )


def _observed(model: str, values: list[int]) -> Observed:
    moments = Moments(count=len(values), total=sum(values), squares=sum(value * value for value in values))
    return Observed(
        provider="openai",
        models=(model,),
        operation="chat",
        calls=len(values),
        errors=sum(value % 2 for value in values),
        currency="USD",
        cost_pico=moments,
        latency_ns=moments,
    )


_OBSERVATIONS = st.lists(
    st.builds(_observed, st.sampled_from(_MODELS), st.lists(st.integers(0, 10**12), max_size=6)), max_size=5
)


def _report(rules: RuleSet, decisions: list[Decision], observed: list[Observed]) -> bytes:
    replay = Replay(rules)
    replay.add_all(RecordedDecision(one) for one in decisions)
    return msgspec.json.encode(replay.report(observed))


# Drawing takes longer than what is shown when other processes take the machine.
_SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_SETTINGS
@given(_decisions(), _OBSERVATIONS, st.randoms(use_true_random=False))
def test_the_order_of_decisions_and_observations_changes_no_byte(
    decisions: list[Decision],
    observed: list[Observed],
    chance: Any,  # noqa: ANN401 - hypothesis' Random
) -> None:
    once = _report(_RULES, decisions, observed)
    chance.shuffle(decisions)
    chance.shuffle(observed)

    assert _report(_RULES, decisions, observed) == once


@_SETTINGS
@given(_decisions())
def test_every_decision_has_one_verdict_and_no_failure_is_lost(decisions: list[Decision]) -> None:
    replay = Replay(_RULES)
    found = [one for decision in decisions if (one := replay.add(RecordedDecision(decision))) is not None]
    report = replay.report(())

    assert len(found) == len(decisions) == sum(report.verdicts.values())
    failed = [one for one in found if one.evaluation and one.evaluation.failure]
    told = [one for one in found if one.evaluation for _ in one.evaluation.shadow_failures]
    assert sum(row.count for row in report.failures) == len(failed) + len(told)
    assert all(one.replayed is None for one in failed)
