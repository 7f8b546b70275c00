"""Self times, and the critical path of a trace: docs/critical-path.md defines both.

Sources: Zhang et al., "CRISP: Critical Path Analysis of Large-Scale Microservice Architectures" (USENIX ATC 2022);
https://www.jaegertracing.io/docs/latest/architecture/ and the critical path of Jaeger's UI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from query.forest import ROOT, parents_of
from storage.frame import SpanFrame


class Segment(NamedTuple):
    """A piece of the path, in Unix nanoseconds. ``place`` is that of the span; none where no span of the trace ran."""

    place: int | None
    start: int
    end: int


class CriticalPath(msgspec.Struct, frozen=True, kw_only=True):
    """``spans`` in their order, by start; lists beside them are by place.

    ``segments`` come by time, do not overlap, and leave nothing out between the first start and the last end of a root.
    """

    spans: Sequence[SpanFrame]
    parents: Sequence[int]
    self_times_ns: Sequence[int]
    path_times_ns: Sequence[int]
    segments: Sequence[Segment]

    @property
    def duration_ns(self) -> int:
        """How long the path is: the time from the first start to the last end of a root."""
        return self.segments[-1].end - self.segments[0].start if self.segments else 0


def critical_path(spans: Sequence[SpanFrame]) -> CriticalPath:
    """The same for the same spans in whatever order."""
    ordered = sorted(spans, key=_canonical)
    parents = parents_of([(span.span_id, span.parent_span_id) for span in ordered])
    starts = [span.start_time_unix_nano for span in ordered]
    # A span whose clock stepped back takes no time.
    ends = [max(span.start_time_unix_nano, span.end_time_unix_nano) for span in ordered]
    children: list[list[int]] = [[] for _ in ordered]
    roots: list[int] = []
    for place, parent in enumerate(parents):
        (roots if parent == ROOT else children[parent]).append(place)
    segments = _Walk(starts, ends, children).across(roots)
    path_times = [0] * len(ordered)
    for segment in segments:
        if segment.place is not None:
            path_times[segment.place] += segment.end - segment.start
    return CriticalPath(
        spans=ordered,
        parents=parents,
        self_times_ns=[_self_time(place, starts, ends, children[place]) for place in range(len(ordered))],
        path_times_ns=path_times,
        segments=segments,
    )


# What orders spans of one start: spans that are equal in all of this are the same to the path.
def _canonical(span: SpanFrame) -> tuple[int, bytes, bytes, int, str, str, int, int]:
    return (
        span.start_time_unix_nano,
        span.span_id,
        span.parent_span_id,
        span.duration_ns,
        span.name,
        span.service,
        span.kind,
        span.status_code,
    )


def _self_time(place: int, starts: Sequence[int], ends: Sequence[int], children: Sequence[int]) -> int:
    """The time of a span in which none of its children runs. Children come by start, so one pass makes their union."""
    start, end = starts[place], ends[place]
    covered, reached = 0, start
    for child in children:
        first, last = max(starts[child], reached), min(ends[child], end)
        if last > first:
            covered += last - first
            reached = last
    return end - start - covered


class _Visit:
    """A span on the path while its children are looked through, from ``until`` back to ``start``."""

    __slots__ = ("children", "end", "next_child", "place", "start", "until")

    def __init__(self, place: int | None, *, start: int, end: int, children: Sequence[int]) -> None:
        self.place = place
        self.start = start
        self.end = end
        self.until = end
        self.children = children
        self.next_child = 0


class _Walk:
    """Walks from the end of a trace to its start, always below what finished last."""

    def __init__(self, starts: Sequence[int], ends: Sequence[int], children: Sequence[Sequence[int]]) -> None:
        self._starts = starts
        self._ends = ends
        self._children = children

    def across(self, roots: Sequence[int]) -> list[Segment]:
        """The path over everything that the roots span, in the order of time."""
        found: list[Segment] = []
        if not roots:
            return found
        first = min(self._starts[root] for root in roots)
        until = max(self._ends[root] for root in roots)
        # Roots do not know of each other: one that still runs when another begins is cut there.
        for root in self._last_first(roots):
            end = min(self._ends[root], until)
            if self._starts[root] >= end:
                continue
            if end < until:
                found.append(Segment(None, end, until))
            self._down(root, start=self._starts[root], end=end, found=found)
            until = self._starts[root]
        if first < until:
            found.append(Segment(None, first, until))
        found.reverse()
        return found

    def _down(self, root: int, *, start: int, end: int, found: list[Segment]) -> None:
        """Adds the path below a root, the latest segment first. The stack is ours, since chains can be long."""
        stack = [self._visit(root, start=start, end=end)]
        while stack:
            visit = stack[-1]
            below = self._finished_last(visit)
            since = visit.start if below is None else below.end
            if since < visit.until:
                found.append(Segment(visit.place, since, visit.until))
            if below is None:
                stack.pop()
                continue
            visit.until = below.start
            stack.append(below)

    def _finished_last(self, visit: _Visit) -> _Visit | None:
        """The child that finished last before ``until``, cut to the span; none when nothing is left."""
        while visit.next_child < len(visit.children):
            child = visit.children[visit.next_child]
            visit.next_child += 1
            start, end = max(self._starts[child], visit.start), min(self._ends[child], visit.end)
            if start < end <= visit.until:
                return self._visit(child, start=start, end=end)
        return None

    def _visit(self, place: int, *, start: int, end: int) -> _Visit:
        return _Visit(place, start=start, end=end, children=self._last_first(self._children[place]))

    def _last_first(self, places: Sequence[int]) -> list[int]:
        """By end, latest first; of those that end together the longest first."""
        return sorted(places, key=lambda place: (-self._ends[place], self._starts[place], place))
