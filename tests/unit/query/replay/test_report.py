from __future__ import annotations

import msgspec
import pytest

from query.replay.condition import ConditionError
from query.replay.replaying import Replay
from query.replay.report import ReplayReport
from storage.replay import Moments, Observed, RecordedDecision
from tests.support.golden import Golden
from tests.support.rules import replayed, routed, rule, rule_set
from tracedata import Decision

_LARGE = "{route: large}"
_RULES = rule_set(
    rule("card", "input.card > 0", _LARGE),
    rule("big", "input.n >= 6", _LARGE, priority=5),
    rule("even", "input.n % 2 == 0", priority=5),
    rule("odd", "input.n % 2 == 1", "{route: {provider: anthropic, model: claude-haiku-4-5}}"),
    rule("shadow", "input.n > 3", _LARGE, enforced=False),
    strategy="priority",
).points[0]
_OBSERVED = (
    Observed(
        provider="openai",
        models=("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        operation="chat",
        calls=40,
        errors=2,
        currency="USD",
        cost_pico=Moments(count=40, total=40 * 2_000_000, squares=40 * 5_000_000 * 1_000_000),
        latency_ns=Moments(count=38, total=38 * 10**9, squares=38 * 2 * 10**18),
    ),
    Observed(
        provider="openai",
        models=("gpt-4.1",),
        operation="chat",
        calls=10,
        errors=0,
        currency="USD",
        cost_pico=Moments(count=10, total=10 * 9_000_000, squares=10 * 100_000_000 * 1_000_000),
        latency_ns=Moments(count=10, total=20 * 10**9, squares=50 * 10**18),
    ),
)


def _decisions() -> list[Decision]:
    found = [routed(number, rule_id="even", facts={"card": 0, "n": number}) for number in range(1, 10)]
    found.append(routed(10, facts={"n": 10}))
    found.append(routed(11, input=None))
    found.append(routed(12, component="another"))
    found.append(routed(13, facts={"card": 0, "n": -1}))
    found.append(routed(14, facts={"card": 1, "n": 1}, output={"tier": 1}))
    return found


def _rules() -> ReplayReport:
    rules = msgspec.structs.replace(rule_set(), points=(_RULES,))
    return replayed(rules, _decisions(), observed=_OBSERVED, examples=1)


def test_the_whole_report(golden: Golden) -> None:
    data = msgspec.json.format(msgspec.json.encode(_rules()), indent=2).decode()

    golden.check("replay-report.json", f"{data}\n")


def test_every_decision_has_one_verdict() -> None:
    report = _rules()

    assert sum(report.verdicts.values()) == report.selection.replayed == len(_decisions())
    assert sum(point.decisions for point in report.points) == len(_decisions()) - report.verdicts["not_decided"]
    assert sum(flip.count for flip in report.flips) == report.verdicts["flip"]


def test_examples_are_bounded_and_some_of_all() -> None:
    rules = rule_set(rule("all", "true", _LARGE))

    report = replayed(rules, [routed(number) for number in range(1, 200)], examples=5)

    (flip,) = report.flips
    assert (flip.count, len(flip.examples)) == (199, 5)
    assert max(int(one.decision_id.removeprefix("d-")) for one in flip.examples) > 50


def test_kinds_of_flips_are_bounded_and_those_that_are_left_out_are_counted() -> None:
    rules = rule_set(rule("all", "true", _LARGE))

    report = replayed(rules, [routed(number, f"model-{number}") for number in range(1, 1_101)])

    assert (len(report.flips), report.flips_not_listed, report.verdicts["flip"]) == (1_000, 100, 1_100)


# A condition, and which of the numbers 1 to 4 are replayed; 4 has no n.
@pytest.mark.parametrize(
    ("where", "replayed_numbers", "undecidable"),
    [
        pytest.param("input.n > 1", 2, 1, id="over the input"),
        pytest.param('output.model == "gpt-4o-mini" && decision.id == "d-2"', 1, 0, id="over the decision"),
        pytest.param("false", 0, 0, id="never"),
    ],
)
def test_a_condition_selects(where: str, replayed_numbers: int, undecidable: int) -> None:
    decisions = [routed(1), routed(2), routed(3), routed(4, facts={})]

    selection = replayed(rule_set(rule("all", "true")), decisions, where=where).selection

    assert (selection.read, selection.replayed, selection.undecidable) == (4, replayed_numbers, undecidable)
    assert sum(selection.reasons.values()) == undecidable


def test_a_condition_that_is_none_is_refused() -> None:
    with pytest.raises(ConditionError, match="column 10: syntax error"):
        Replay(rule_set(), where="input.n <<")


@pytest.mark.parametrize(
    ("versions", "basis", "count"),
    [
        pytest.param(["3", "3", ""], "recorded", 3, id="this version, or none"),
        pytest.param(["2", "2", "2"], "other", 0, id="another version"),
        pytest.param(["2", "2", ""], "other", 0, id="another version, or none"),
        pytest.param(["2", "3", ""], "recorded", 2, id="both"),
        pytest.param(["", "", ""], "unknown", 3, id="no version"),
    ],
)
def test_unexplained_are_those_of_this_version_that_it_does_not_reproduce(
    versions: list[str], basis: str, count: int
) -> None:
    decisions = [routed(number, rule_version=version) for number, version in enumerate(versions)]

    found = replayed(rule_set(rule("all", "true", _LARGE)), decisions).unexplained

    assert (found.basis, found.count, len(found.examples)) == (basis, count, count)


def test_the_recorded_rule_set_explains_all() -> None:
    rules = rule_set(rule("a", "input.n < 3"), rule("b", "input.n < 9", _LARGE))
    decisions = [routed(1, rule_id="a"), routed(5, "gpt-4.1", rule_id="b")]

    report = replayed(rules, decisions)

    assert (report.verdicts["same"], report.unexplained.basis, report.unexplained.count) == (2, "recorded", 0)


def test_models_that_nobody_called_are_named_and_not_estimated() -> None:
    rules = rule_set(
        rule("a", "input.n < 3", _LARGE), rule("b", "true", "{route: {provider: nobody, model: unheard-of}}")
    )
    decisions = [routed(number) for number in range(1, 6)]

    estimates = replayed(rules, decisions, observed=_OBSERVED).estimates

    overlap = estimates.overlap
    assert (overlap.routed, overlap.observed, overlap.flips, overlap.flips_observed) == (5, 2, 5, 2)
    assert overlap.without_observations == ["nobody/unheard-of (chat)"]
    (cost,) = estimates.cost
    # Two decisions go from a model of 2 millionths to one of 9.
    assert (cost.flips, cost.currency) == (2, "USD")
    assert cost.total.estimate == pytest.approx(2 * 7e-6)
    assert cost.per_decision.low < 7e-6 < cost.per_decision.high
    assert estimates.latency_ms is not None
    assert estimates.latency_ms.per_decision.estimate == pytest.approx(1_000)
    assert estimates.error_rate is not None
    assert estimates.error_rate.per_decision.estimate == pytest.approx(-0.05)


def test_calls_count_for_the_operation_that_the_model_was_called_for() -> None:
    replay = Replay(rule_set(rule("a", "true", _LARGE)))
    replay.add(RecordedDecision(routed(1), {"gpt-4o-mini": "embedding"}))

    estimates = replay.report(_OBSERVED).estimates

    assert estimates.overlap.without_observations == ["openai/gpt-4.1 (embedding)"]
    assert {(model.model, model.operation, model.calls) for model in estimates.models} == {
        ("gpt-4o-mini", "embedding", 0),
        ("gpt-4.1", "embedding", 0),
    }


def test_what_a_model_answered_as_counts_when_nobody_asked_for_it() -> None:
    rules = rule_set(rule("a", "true", "{route: {provider: openai, model: gpt-4o-mini-2024-07-18}}"))

    estimates = replayed(rules, [routed(1)], observed=_OBSERVED).estimates

    assert {(model.model, model.calls) for model in estimates.models} == {
        ("gpt-4o-mini", 40),
        ("gpt-4o-mini-2024-07-18", 40),
    }


def test_flips_that_are_not_between_models_are_not_estimated() -> None:
    estimates = replayed(rule_set(rule("a", "true")), [routed(1, outcome="deny")], observed=_OBSERVED).estimates

    assert (estimates.overlap.flips, estimates.overlap.other_flips, estimates.cost) == (0, 1, [])
