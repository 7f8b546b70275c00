"""Two traces beside each other: what was called along the same way from the root, how often, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from query.critical_path import CriticalPath
from query.forest import ROOT, top_down
from tracedata import Attributes, StatusCode, Value


class Side(msgspec.Struct, kw_only=True):
    """What one trace has of a group; times in nanoseconds. ``path_ns`` is the time on its critical path."""

    count: int = 0
    errors: int = 0
    duration_ns: int = 0
    self_ns: int = 0
    path_ns: int = 0


class Group(msgspec.Struct, kw_only=True):
    """The spans of one service, name and kind below the same group. ``parent`` is the place of that one, or ``ROOT``."""

    service: str
    name: str
    kind: int
    parent: int
    depth: int
    left: Side
    right: Side

    @property
    def weight(self) -> tuple[int, int, int]:
        """How much the two sides differ: on the critical path, in errors and number, in time at all."""
        left, right = self.left, self.right
        return (
            abs(left.path_ns - right.path_ns),
            abs(left.errors - right.errors) + abs(left.count - right.count),
            abs(left.duration_ns - right.duration_ns),
        )


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A key on whose value two sides do not agree; ``has_left`` and ``has_right`` tell a missing one from an empty one."""

    key: str
    left: Value
    right: Value
    has_left: bool
    has_right: bool


_Way = tuple[int, str, str, int]


def compare(left: CriticalPath, right: CriticalPath) -> list[Group]:
    """The groups of both traces, each after its parent. Linear in the number of spans, however deep they are."""
    groups: list[Group] = []
    places: dict[_Way, int] = {}
    for is_left, trace in ((True, left), (False, right)):
        group_of = [ROOT] * len(trace.spans)
        for place in top_down(trace.parents):
            span, above = trace.spans[place], trace.parents[place]
            parent = ROOT if above == ROOT else group_of[above]
            way = (parent, span.service, span.name, span.kind)
            found = places.get(way)
            if found is None:
                found = places[way] = len(groups)
                groups.append(_group(way, depth=0 if parent == ROOT else groups[parent].depth + 1))
            group_of[place] = found
            side = groups[found].left if is_left else groups[found].right
            side.count += 1
            side.errors += span.status_code == StatusCode.ERROR
            side.duration_ns += max(span.duration_ns, 0)
            side.self_ns += trace.self_times_ns[place]
            side.path_ns += trace.path_times_ns[place]
    return groups


def _group(way: _Way, *, depth: int) -> Group:
    parent, service, name, kind = way
    return Group(service=service, name=name, kind=kind, parent=parent, depth=depth, left=Side(), right=Side())


def most_different(groups: Sequence[Group], *, limit: int) -> list[int]:
    """At most ``limit`` places of groups that differ most, and of all those above them; each after its parent, depth first."""
    chosen: set[int] = set()
    if len(groups) <= limit:
        chosen.update(range(len(groups)))
    else:
        for place in sorted(range(len(groups)), key=lambda one: groups[one].weight, reverse=True):
            missing = _above(groups, place, chosen, most=limit - len(chosen))
            chosen.update(missing)
            if len(chosen) >= limit:
                break
    return _depth_first(groups, chosen)


def _above(groups: Sequence[Group], place: int, chosen: set[int], *, most: int) -> list[int]:
    """The place and those above it that are not chosen yet; none when there are too many."""
    missing: list[int] = []
    while place != ROOT and place not in chosen:
        missing.append(place)
        if len(missing) > most:
            return []
        place = groups[place].parent
    return missing


def _depth_first(groups: Sequence[Group], chosen: Iterable[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for place in sorted(chosen, reverse=True):
        children.setdefault(groups[place].parent, []).append(place)
    stack, order = children.get(ROOT, []), []
    while stack:
        place = stack.pop()
        order.append(place)
        stack += children.get(place, [])
    return order


def differences(left: Attributes, right: Attributes) -> list[Difference]:
    """The keys that only one side has, or whose values are not the same, by key. Types count: 1 is not 1.0."""
    return [
        Difference(key=key, left=left.get(key), right=right.get(key), has_left=key in left, has_right=key in right)
        for key in sorted({*left, *right})
        if _told(left, key) != _told(right, key)
    ]


def _told(attributes: Mapping[str, Value], key: str) -> str | None:
    # As text, in which a number that is none equals itself, and true is not 1.
    return repr(attributes[key]) if key in attributes else None
