"""The demo's decisions, stored by a running system, replayed: under its own rules, and under those that docs/replay.md describes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from relayscope.demo.load import run_once
from tests.support.predicted import predicted_flips
from tests.support.repository import ROOT
from tests.support.system import System, run
from tests.support.waiting import wait_until

_TRACES = 120
_CHANGED = "docs/rules/relaycore-4.yaml"


@pytest.fixture(scope="module")
def replayable(module_folder: Path) -> Iterator[System]:
    """A system that holds the demo's decisions, and nothing else."""
    with System(module_folder / "system") as system:
        ready = system.ready
        summary = run_once(api_url=system.url, otlp_endpoint=f"http://127.0.0.1:{ready.otlp_grpc}", traces=_TRACES)
        assert summary.complete
        wait_until(lambda: not _unsettled(system), "the settling of what came in parts")
        yield system


def _recorded(system: System) -> list[tuple[str, Any, Any, bool | None]]:
    with psycopg.connect(system.ready.database_url) as connection:
        return connection.execute("SELECT component, input, output, is_enforced FROM relayscope.decisions").fetchall()


def _unsettled(system: System) -> int:
    with psycopg.connect(system.ready.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM relayscope.ai_arrivals").fetchone()
    assert row is not None
    return int(row[0])


def _replay(system: System, rules: Path | str) -> Any:  # noqa: ANN401 - a report
    done = run("replay", str(rules), "--since", "-1d", "--until", "+1h", "--json", "--url", system.url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["report"]


def test_its_own_rules_reproduce_every_decision(replayable: System) -> None:
    report = _replay(replayable, ROOT / "relayscope/demo/rules.yaml")

    recorded = len(_recorded(replayable))
    assert recorded > _TRACES
    assert {name: count for name, count in report["verdicts"].items() if count} == {"same": recorded}
    assert (report["unexplained"]["basis"], report["unexplained"]["count"]) == ("recorded", 0)
    assert {point["type"] for point in report["points"] if point["decisions"]} == {
        "rule_evaluation",
        "model_selection",
        "cache_decision",
        "budget_check",
        "other",
    }


def test_the_changed_rules_flip_what_was_predicted_and_twice_the_same(replayable: System) -> None:
    report = _replay(replayable, ROOT / _CHANGED)

    predicted = predicted_flips(
        (component, facts, output)
        for component, facts, output, enforced in _recorded(replayable)
        if enforced is not False
    )
    found = Counter({(one["component"], one["recorded"], one["replayed"]): one["count"] for one in report["flips"]})
    assert found == predicted
    assert len(found) > 1
    overlap = report["estimates"]["overlap"]
    assert overlap["flips"] == sum(count for flip, count in found.items() if flip[0] == "router")
    assert 0 < overlap["flipsObserved"] <= overlap["flips"]
    again = _replay(replayable, ROOT / _CHANGED)
    # The window is relative to now.
    assert {**again, "start": "", "end": ""} == {**report, "start": "", "end": ""}


def test_rule_sets_are_kept_and_replayed_by_name(replayable: System) -> None:
    imported = run("rules", "import", str(ROOT / _CHANGED), "--url", replayable.url)
    assert imported.returncode == 0, imported.stderr

    assert _replay(replayable, "relaycore@4")["verdicts"] == _replay(replayable, ROOT / _CHANGED)["verdicts"]
