"""A short soak: every kind of fault at least once, and an exact sum."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.system import run

_FAULTS = {
    "worker killed": 5,
    "PostgreSQL stopped (immediate)": 2,
    "PostgreSQL killed": 1,
    "API killed": 1,
    "supervisor killed": 1,
    "database frozen": 1,
}


def test_a_short_soak(tmp_path: Path) -> None:
    done = run("bench", "soak", "--worker-kills", "5", "--postgres-stops", "2", "--json", "--output", str(tmp_path))

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {name: fault["count"] for name, fault in report["faults"].items()} == _FAULTS
    load, total = report["load"], report["sum"]
    assert load["acknowledged"] > 100
    assert load["faulty"] == 0
    assert total["acknowledged"] == load["acknowledged"]
    assert (total["lost"], total["duplicated"], total["unaccounted"]) == (0, 0, 0)
    assert total["stored"] == total["acknowledged"] + total["unacknowledged"]
    (written,) = tmp_path.iterdir()
    assert json.loads(written.read_text()) == report


def test_faults_are_measured_in_time_or_in_number(tmp_path: Path) -> None:
    done = run("bench", "soak", "--worker-kills", "5", "--minutes", "1", "--output", str(tmp_path))
    assert done.returncode == 2
    assert "not both" in done.stderr
