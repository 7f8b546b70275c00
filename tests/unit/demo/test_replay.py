"""The demo's decisions under the changed rules that docs/replay.md describes; under its own rules: see test_rules."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from query.replay.parsing import parse_rule_set
from tests.support.decision import decided
from tests.support.demo import emitted
from tests.support.predicted import predicted_flips
from tests.support.repository import document
from tests.support.rules import replayed

_TRACES = 400


def test_the_changed_rule_set_flips_what_the_documentation_predicts() -> None:
    spans, records = emitted(seed=7, traces=_TRACES)
    decisions = decided(*spans, records=records)
    # Inputs and outputs of the demo are objects.
    recorded = [
        (one.component, cast("dict[str, Any]", one.input), cast("dict[str, Any]", one.output))
        for one in decisions
        if one.is_enforced is not False
    ]

    report = replayed(parse_rule_set(document("docs/rules/relaycore-4.yaml")), decisions)

    found = Counter({(one.component, one.recorded, one.replayed): one.count for one in report.flips})
    assert found == predicted_flips(recorded)
    assert {flip[0] for flip in found} == {"semantic_cache", "router"}
    shadows = sum(one.is_enforced is False for one in decisions)
    assert report.verdicts["not_decided"] == shadows
    assert report.verdicts["same"] == len(decisions) - shadows - found.total()
    assert (report.unexplained.basis, report.unexplained.count) == ("other", 0)
