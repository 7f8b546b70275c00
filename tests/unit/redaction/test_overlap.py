from __future__ import annotations

from itertools import permutations

import pytest

from redaction.finding import Finding
from redaction.overlap import merged, touching


def _finding(start: int, end: int, entity: str = "ONE", score: float = 0.5) -> Finding:
    return Finding(start=start, end=end, entity=entity, score=score)


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([_finding(5, 8), _finding(0, 5)], [_finding(0, 5), _finding(5, 8)], id="neighbours stay two"),
        pytest.param(
            [_finding(0, 4, score=0.4), _finding(0, 4, "TWO", 0.9)], [_finding(0, 4, "TWO", 0.9)], id="the surest"
        ),
        pytest.param(
            [_finding(0, 3, "SURE", 0.9), _finding(1, 9, "LONG")],
            [_finding(0, 9, "SURE", 0.9)],
            id="what only the less sure one covers goes too",
        ),
        pytest.param([_finding(0, 4), _finding(1, 9, "LONG")], [_finding(0, 9, "LONG")], id="the longest of the sure"),
        pytest.param(
            [_finding(0, 3), _finding(2, 6), _finding(5, 9, "TWO", 0.4)], [_finding(0, 9)], id="a chain is one"
        ),
        pytest.param(
            [_finding(0, 9, score=0.9), _finding(2, 4, "SECRET_ONE")],
            [_finding(0, 9, "SECRET_ONE")],
            id="a secret names the whole",
        ),
        pytest.param([_finding(0, 9), _finding(2, 4), _finding(6, 8)], [_finding(0, 9)], id="inside of another"),
    ],
)
def test_findings_that_overlap_become_one(findings: list[Finding], expected: list[Finding]) -> None:
    for order in permutations(findings):
        assert merged(order) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(0, 2, [], id="before"),
        pytest.param(0, 3, [(2, 4)], id="into the first"),
        pytest.param(3, 4, [(2, 4)], id="inside"),
        pytest.param(4, 5, [], id="between"),
        pytest.param(0, 99, [(2, 4), (5, 6), (6, 9)], id="all"),
        pytest.param(5, 7, [(5, 6), (6, 9)], id="two that touch"),
        pytest.param(9, 12, [], id="behind"),
    ],
)
def test_places_that_are_touched(start: int, end: int, expected: list[tuple[int, int]]) -> None:
    assert touching([(2, 4), (5, 6), (6, 9)], start, end) == expected
