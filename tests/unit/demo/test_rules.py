"""The demo's decisions, and the rule set that says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from query.replay.parsing import parse_rule_set
from query.replay.replaying import Replay
from query.replay.report import ReplayReport
from query.replay.rule_set import RuleSet
from storage.replay import RecordedDecision
from tests.support.decision import decided
from tests.support.demo import emitted
from tests.support.repository import ROOT
from tracedata.decision import Decision

_TRACES = 300


@pytest.fixture(scope="module")
def rule_set() -> RuleSet:
    return parse_rule_set((ROOT / "relayscope" / "demo" / "rules.yaml").read_text())


@pytest.fixture(scope="module")
def decisions() -> Sequence[Decision]:
    spans, records = emitted(seed=20_260_101, traces=_TRACES)
    return decided(*spans, records=records)


@pytest.fixture(scope="module")
def report(rule_set: RuleSet, decisions: Sequence[Decision]) -> ReplayReport:
    replay = Replay(rule_set)
    replay.add_all([RecordedDecision(decision) for decision in decisions])
    return replay.report(())


def test_all_types_and_carriers_take_part(decisions: Sequence[Decision]) -> None:
    assert {one.type for one in decisions} == {
        "rule_evaluation",
        "model_selection",
        "cache_decision",
        "budget_check",
        "other",
    }
    assert {one.carriers for one in decisions} == {
        ("span_event",),
        ("span",),
        ("log_record",),
        ("span", "span_event", "log_record"),
    }


def test_every_decision_has_its_request(decisions: Sequence[Decision]) -> None:
    for one in decisions:
        assert all((one.request_id, one.user_id, one.session_id, one.organization_id, one.request_path))
        assert one.final.is_stated


def test_rules_fire_tie_fail_and_are_shadowed(rule_set: RuleSet, decisions: Sequence[Decision]) -> None:
    fired = Counter(one.rule_id for one in decisions if one.outcome != "error" and one.rule_id)
    losing = {"r-05", "r-19"}
    assert set(fired) == {rule.id for point in rule_set.points for rule in point.rules} - losing
    assert {one.rule_id for one in decisions if one.is_enforced is False} == {"r-11", "r-40"}
    failed = [one for one in decisions if one.outcome == "error"]
    assert {one.rule_id for one in failed} == {"r-05"}
    assert any("r-19" in one.reasoning for one in decisions)


def test_replaying_the_rule_set_changes_nothing_and_explains_all(report: ReplayReport) -> None:
    assert report.verdicts == {**dict.fromkeys(report.verdicts, 0), "same": report.selection.read}
    assert report.unexplained.count == 0
    assert {failure.rule for failure in report.failures} == {"r-05"}
    assert {tie.rules for tie in report.ties} == {("r-17", "r-19"), ("r-18", "r-19")}


def test_rule_ids_and_versions_are_those_of_the_file(rule_set: RuleSet, decisions: Sequence[Decision]) -> None:
    names = {rule.id: rule.name for point in rule_set.points for rule in point.rules}
    told = {(one.rule_id, one.rule_name, one.rule_version) for one in decisions if one.rule_id}
    assert told <= {(id_, name, rule_set.version) for id_, name in names.items()}
