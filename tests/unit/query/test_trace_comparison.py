"""Groups of two traces against a plain count of ways, what is shown of many, and attributes that differ."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from query.critical_path import CriticalPath, critical_path
from query.forest import ROOT
from query.trace_comparison import Group, compare, differences, most_different
from storage.frame import SpanFrame
from tracedata import Value


def _trace(seed: int, count: int) -> CriticalPath:
    rnd = random.Random(seed)
    frames = [
        SpanFrame(
            span_id=bytes([number]),
            parent_span_id=bytes([rnd.randrange(number)]) if number else b"",
            name=rnd.choice("abc"),
            service=rnd.choice("xy"),
            kind=1,
            start_time_unix_nano=number,
            duration_ns=rnd.randrange(100),
            status_code=rnd.randrange(3),
        )
        for number in range(count)
    ]
    return critical_path(frames)


def _way(trace: CriticalPath, place: int) -> tuple[tuple[str, str], ...]:
    above = () if trace.parents[place] == ROOT else _way(trace, trace.parents[place])
    return (*above, (trace.spans[place].service, trace.spans[place].name))


def _group_way(groups: list[Group], place: int) -> tuple[tuple[str, str], ...]:
    group = groups[place]
    above = () if group.parent == ROOT else _group_way(groups, group.parent)
    return (*above, (group.service, group.name))


@pytest.mark.parametrize("seed", range(10))
def test_groups_are_the_ways_from_the_root(seed: int) -> None:
    left, right = _trace(seed, 60), _trace(seed + 100, 40)
    groups = compare(left, right)
    for trace, sides in ((left, [one.left for one in groups]), (right, [one.right for one in groups])):
        ways = Counter(_way(trace, place) for place in range(len(trace.spans)))
        assert {_group_way(groups, n): side.count for n, side in enumerate(sides) if side.count} == ways
        assert sum(side.duration_ns for side in sides) == sum(span.duration_ns for span in trace.spans)
        assert sum(side.errors for side in sides) == sum(span.status_code == 2 for span in trace.spans)
        assert sum(side.path_ns for side in sides) == sum(trace.path_times_ns)
        assert sum(side.self_ns for side in sides) == sum(trace.self_times_ns)
    for place, group in enumerate(groups):
        assert group.depth == len(_group_way(groups, place)) - 1


@pytest.mark.parametrize("limit", [1, 2, 5, 1_000])
def test_what_is_shown_has_everything_above_it_and_comes_depth_first(limit: int) -> None:
    groups = compare(_trace(1, 60), _trace(2, 60))
    shown = most_different(groups, limit=limit)
    assert len(shown) == min(limit, len(groups)) == len(set(shown))
    for position, place in enumerate(shown):
        if groups[place].parent != ROOT:
            assert groups[place].parent in shown[:position]
            assert groups[shown[position - 1]].depth >= groups[place].depth - 1


def test_a_trace_beside_itself_differs_nowhere() -> None:
    trace = _trace(3, 60)
    assert {group.weight for group in compare(trace, trace)} == {(0, 0, 0)}


@pytest.mark.parametrize(
    ("left", "right", "differs"),
    [
        (1, 1, False),
        (1, 1.0, True),
        (1, True, True),
        (math.nan, math.nan, False),
        (None, None, False),
        ([1], [2], True),
    ],
)
def test_values_differ_by_type_too(left: Value, right: Value, *, differs: bool) -> None:
    assert bool(differences({"a": left, "same": 1}, {"a": right, "same": 1})) == differs


def test_a_missing_value_is_not_an_empty_one() -> None:
    (found,) = differences({"a": None}, {})
    assert (found.key, found.has_left, found.has_right) == ("a", True, False)
