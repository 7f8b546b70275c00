"""Replay over the decisions of the simulated gateway: its own rules, and the changed ones that docs/replay.md describes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest

from query.replay.parsing import parse_rule_set
from tests.support.demo_decisions import demo_decisions, demo_rules
from tests.support.predicted import predicted_flips
from tests.support.repository import document
from tests.support.rules import replayed
from tracedata import Decision


@pytest.fixture(scope="module")
def decisions() -> Sequence[Decision]:
    return demo_decisions(traces=400)


def test_its_own_rule_set_reproduces_every_decision(decisions: Sequence[Decision]) -> None:
    report = replayed(parse_rule_set(demo_rules()), decisions)

    assert {name: count for name, count in report.verdicts.items() if count} == {"same": len(decisions)}
    assert (report.unexplained.basis, report.unexplained.count) == ("recorded", 0)
    assert {point.type for point in report.points if point.decisions} == {
        "rule_evaluation",
        "model_selection",
        "cache_decision",
        "budget_check",
        "other",
    }
    # Rules that tie, that fail, and that are shadowed are there to be seen.
    assert report.ties
    assert {(one.rule, one.reason) for one in report.failures} == {("r-05", 'there is no field "moderation"')}
    assert {one.rule for one in report.rules if not one.enforced and one.decided} == {"r-11", "r-40"}


def test_the_changed_rule_set_flips_what_the_documentation_predicts(decisions: Sequence[Decision]) -> None:
    changed = parse_rule_set(document("docs/rules/relaycore-4.yaml"))
    # Inputs and outputs of the demo are objects.
    recorded = [
        (one.component, cast("dict[str, Any]", one.input), cast("dict[str, Any]", one.output))
        for one in decisions
        if one.is_enforced is not False
    ]

    report = replayed(changed, decisions)

    found = Counter({(one.component, one.recorded, one.replayed): one.count for one in report.flips})
    assert found == predicted_flips(recorded)
    assert {flip[0] for flip in found} == {"semantic_cache", "router"}
    shadows = sum(one.is_enforced is False for one in decisions)
    assert report.verdicts["not_decided"] == shadows
    assert report.verdicts["same"] == len(decisions) - shadows - found.total()
    assert (report.unexplained.basis, report.unexplained.count) == ("other", 0)
