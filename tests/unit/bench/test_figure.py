from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from relayscope.bench.figure import percentile, write_result
from relayscope.bench.large import LargePlan, ends


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([], 0.5, 0.0, id="nothing"),
        pytest.param([7.0], 0.99, 7.0, id="one"),
        pytest.param([3.0, 1.0, 2.0], 0.5, 2.0, id="middle of three"),
        pytest.param([4.0, 3.0, 2.0, 1.0], 0.5, 2.0, id="lower middle of four"),
        pytest.param(list(range(1, 101)), 0.95, 95, id="95 of 100"),
        pytest.param(list(range(1, 101)), 0.99, 99, id="99 of 100"),
        pytest.param(list(range(1, 11)), 0.99, 10, id="more than there are"),
    ],
)
def test_percentile(values: Sequence[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        pytest.param([5.0], (5.0, 5.0), id="one lap"),
        pytest.param([1.0, 8.0, 6.0], (8.0, 6.0), id="the first lap counts for neither"),
        pytest.param([0.0, *[10.0] * 10, *[7.0] * 10], (10.0, 7.0), id="a tenth at either end"),
        pytest.param([0.0, 1.0, 10.0, 10.0, *[8.0] * 24, 4.0, 4.0, 9.0], (10.0, 4.0), id="medians"),
    ],
)
def test_rates_at_both_ends(rates: Sequence[float], expected: tuple[float, float]) -> None:
    assert ends(rates) == expected


def test_a_result_is_written_under_its_moment(tmp_path: Path) -> None:
    started = "2025-01-31T12:00:00+00:00"
    path = write_result(tmp_path / "new", name="large-1d", started=started, report=LargePlan(spans=5))
    assert path.name == "large-1d-2025-01-31T120000Z.json"
    assert json.loads(path.read_text())["spans"] == 5
