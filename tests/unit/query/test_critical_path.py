"""Self times and critical paths of small traces, drawn by hand: docs/critical-path.md tells the same in words."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pytest

from query.critical_path import critical_path
from query.forest import depths_of, parents_of
from storage.frame import SpanFrame

# Name, parent, start, end.
_Drawn: TypeAlias = tuple[str, str, int, int]


def _frame(drawn: _Drawn) -> SpanFrame:
    name, parent, start, end = drawn
    return SpanFrame(
        span_id=name.rstrip("'").encode(),
        parent_span_id=parent.encode(),
        name=name,
        service="",
        kind=1,
        start_time_unix_nano=start,
        duration_ns=end - start,
        status_code=0,
    )


_TRACES: Mapping[str, tuple[Sequence[_Drawn], str, Mapping[str, int]]] = {
    "one span": ([("a", "", 0, 9)], "a 0-9", {"a": 9}),
    "one after the other": (
        [("a", "", 0, 100), ("b", "a", 10, 40), ("c", "a", 50, 90)],
        "a 0-10, b 10-40, a 40-50, c 50-90, a 90-100",
        {"a": 30, "b": 30, "c": 40},
    ),
    "beside each other: what finishes last counts": (
        [("a", "", 0, 100), ("b", "a", 10, 80), ("c", "a", 20, 90)],
        "a 0-20, c 20-90, a 90-100",
        {"a": 20, "b": 70, "c": 70},
    ),
    "of those that finish together the longest": (
        [("a", "", 0, 100), ("b", "a", 30, 90), ("c", "a", 10, 90)],
        "a 0-10, c 10-90, a 90-100",
        {"a": 20, "b": 60, "c": 80},
    ),
    "below a child": (
        [("a", "", 0, 100), ("b", "a", 10, 90), ("c", "b", 20, 50)],
        "a 0-10, b 10-20, c 20-50, b 50-90, a 90-100",
        {"a": 20, "b": 50, "c": 30},
    ),
    "a child outlives its parent": (
        [("a", "", 0, 100), ("b", "a", 60, 300), ("c", "b", 200, 250)],
        "a 0-60, b 60-100",
        {"a": 60, "b": 190, "c": 50},
    ),
    "a child begins before its parent": (
        [("b", "a", 0, 60), ("a", "", 50, 100)],
        "b 50-60, a 60-100",
        {"a": 40, "b": 60},
    ),
    "a child that lies elsewhere": (
        [("a", "", 0, 100), ("b", "a", 200, 300), ("c", "b", 10, 20)],
        "a 0-100",
        {"a": 100, "b": 100, "c": 10},
    ),
    "an orphan inside": (
        [("a", "", 0, 100), ("b", "lost", 20, 60)],
        "a 0-100",
        {"a": 100, "b": 40},
    ),
    "an orphan that goes on": (
        [("a", "", 0, 100), ("c", "a", 10, 70), ("b", "lost", 50, 150)],
        "a 0-10, c 10-50, b 50-150",
        {"a": 40, "c": 60, "b": 100},
    ),
    "two roots with nothing between": (
        [("a", "", 0, 10), ("b", "", 30, 40)],
        "a 0-10, - 10-30, b 30-40",
        {"a": 10, "b": 10},
    ),
    "a cycle": ([("a", "b", 0, 100), ("b", "a", 10, 20)], "a 0-10, b 10-20, a 20-100", {"a": 90, "b": 10}),
    "its own parent": ([("a", "a", 0, 10)], "a 0-10", {"a": 10}),
    "equal ids: the first has the children": (
        [("a", "", 0, 100), ("a'", "", 5, 50), ("b", "a", 10, 20)],
        "a 0-10, b 10-20, a 20-100",
        {"a": 90, "a'": 45, "b": 10},
    ),
    "end before start": ([("a", "", 0, 10), ("b", "a", 8, 2)], "a 0-10", {"a": 10, "b": 0}),
    "nothing takes time": ([("a", "", 5, 5), ("b", "a", 5, 5)], "", {"a": 0, "b": 0}),
    "no span": ([], "", {}),
}


@pytest.mark.parametrize(("drawn", "path", "self_times"), _TRACES.values(), ids=_TRACES.keys())
def test_the_path_and_the_self_times(drawn: Sequence[_Drawn], path: str, self_times: Mapping[str, int]) -> None:
    found = critical_path([_frame(one) for one in drawn])
    names = [span.name for span in found.spans]
    told = [f"{'-' if place is None else names[place]} {start}-{end}" for place, start, end in found.segments]
    assert ", ".join(told) == path
    assert dict(zip(names, found.self_times_ns, strict=True)) == self_times


def test_a_chain_of_100_000_spans_takes_well_under_a_second() -> None:
    count = 100_000
    ids = [number.to_bytes(8, "big") for number in range(1, count + 1)]
    spans = [
        SpanFrame(
            span_id=ids[number],
            parent_span_id=ids[number - 1] if number else b"",
            name="step",
            service="",
            kind=1,
            start_time_unix_nano=number,
            duration_ns=3 * count - 2 * number,
            status_code=0,
        )
        for number in range(count)
    ]
    before = time.process_time()
    found = critical_path(spans)
    taken = time.process_time() - before
    assert sum(segment.end - segment.start for segment in found.segments) == 3 * count
    assert len(found.segments) == 2 * count - 1
    # It takes about 0.6 s of a slow core; what is quadratic would take minutes.
    assert taken < 5.0


def test_depths_are_counted_from_the_roots_of_a_forest() -> None:
    lineage = [(b"a", b""), (b"b", b"a"), (b"c", b"b"), (b"d", b"lost"), (b"e", b"f"), (b"f", b"e"), (b"g", b"f")]
    assert depths_of(parents_of(lineage)) == [0, 1, 2, 0, 0, 1, 2]
