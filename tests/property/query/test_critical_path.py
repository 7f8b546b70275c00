"""What holds for the critical path of any trace, however its spans overlap and whatever their parents claim."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from query.critical_path import CriticalPath, critical_path
from query.forest import ROOT
from storage.frame import SpanFrame

_ID = st.integers(0, 12).map(lambda number: number.to_bytes(1, "big"))
_FRAME = st.builds(
    SpanFrame,
    span_id=_ID,
    parent_span_id=st.one_of(st.just(b""), _ID),
    name=st.just("x"),
    service=st.sampled_from(["a", "b"]),
    kind=st.integers(0, 5),
    start_time_unix_nano=st.integers(0, 50),
    duration_ns=st.integers(-5, 50),
    status_code=st.just(0),
)
_TRACE = st.lists(_FRAME, max_size=14)


def _root_of(found: CriticalPath) -> list[SpanFrame]:
    return [span for span, parent in zip(found.spans, found.parents, strict=True) if parent == ROOT]


@given(_TRACE)
def test_segments_fill_the_time_of_the_roots_without_overlap(trace: list[SpanFrame]) -> None:
    found = critical_path(trace)
    roots = _root_of(found)
    first = min((root.start_time_unix_nano for root in roots), default=0)
    last = max((max(root.start_time_unix_nano, root.end_time_unix_nano) for root in roots), default=0)
    moment = first
    for segment in found.segments:
        assert segment.start == moment < segment.end
        moment = segment.end
    assert moment == last
    assert found.duration_ns == last - first


@given(_TRACE)
def test_a_segment_lies_in_its_span_and_its_span_in_a_chain_of_spans_that_run(trace: list[SpanFrame]) -> None:
    found = critical_path(trace)
    for segment in found.segments:
        place = segment.place
        while place is not None and place != ROOT:
            span = found.spans[place]
            assert span.start_time_unix_nano <= segment.start < segment.end <= span.end_time_unix_nano
            place = found.parents[place]


@given(_TRACE)
def test_time_without_a_span_is_time_in_which_no_root_runs(trace: list[SpanFrame]) -> None:
    found = critical_path(trace)
    for segment in found.segments:
        if segment.place is None:
            assert all(
                root.end_time_unix_nano <= segment.start or root.start_time_unix_nano >= segment.end
                for root in _root_of(found)
                # One that takes no time never runs.
                if root.duration_ns > 0
            )


@given(_TRACE)
def test_self_times_are_those_of_a_count_moment_by_moment(trace: list[SpanFrame]) -> None:
    found = critical_path(trace)
    for place, span in enumerate(found.spans):
        below = [child for child, parent in zip(found.spans, found.parents, strict=True) if parent == place]
        alone = [
            moment
            for moment in range(span.start_time_unix_nano, span.end_time_unix_nano)
            if not any(child.start_time_unix_nano <= moment < child.end_time_unix_nano for child in below)
        ]
        assert found.self_times_ns[place] == len(alone) >= 0


@given(_TRACE.flatmap(lambda trace: st.tuples(st.just(trace), st.permutations(trace))))
def test_the_order_of_spans_does_not_matter(pair: tuple[list[SpanFrame], list[SpanFrame]]) -> None:
    assert critical_path(pair[0]) == critical_path(pair[1])
