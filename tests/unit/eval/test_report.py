from __future__ import annotations

import json

from benchmarks.redaction.measurement import Measurement, at_least
from benchmarks.redaction.report import Report, as_json, as_table, missed


def _report(*measurements: Measurement) -> Report:
    return Report(started="2026", machine="m", engine="1", policy="p", measurements=measurements)


def test_one_missed_target_is_enough() -> None:
    good, bad = at_least("a", 0.99, 0.9), at_least("b", 0.5, 0.9, note=" (1 of 2)", examples=["x\u200by"])
    assert _report(good).is_met
    assert not _report(good, bad).is_met
    assert missed(_report(good, bad)) == "missed: b is 0.5000 (1 of 2), should be >= 0.9\n    'x\\u200by'"


def test_the_table_is_aligned() -> None:
    lines = as_table(_report(at_least("short", 1, 0.9), at_least("a longer name", 0.1, 0.9))).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [line.split()[-2] for line in lines] == ["met", "---", "yes", "NO"]


def test_json_says_the_same() -> None:
    (measurement,) = json.loads(as_json(_report(at_least("a", 1, 0.9))))["measurements"]
    assert measurement == {"name": "a", "target": ">= 0.9", "result": "1.0000", "is_met": True, "examples": []}
