"""The spans of a trace as a forest, whatever their parents claim. Linear in their number, and without recursion.

A span whose parent is not there, or that names itself, is a root. Of several spans with the same id the first one has the
children. Where parents form a cycle, its first member is a root. "First" is by the order of the spans given.
"""

from __future__ import annotations

from collections.abc import Sequence

ROOT = -1
"""The parent of a root."""


def parents_of(lineage: Sequence[tuple[bytes, bytes]]) -> list[int]:
    """Of each span the place of its parent, or ``ROOT``; ``lineage`` has the id of each and that of its parent."""
    first: dict[bytes, int] = {}
    for place, (span_id, _) in enumerate(lineage):
        first.setdefault(span_id, place)
    parents = [ROOT if parent == span_id else first.get(parent, ROOT) for span_id, parent in lineage]
    _open_cycles(parents)
    return parents


def top_down(parents: Sequence[int]) -> list[int]:
    """All places, each after that of its parent."""
    children: list[list[int]] = [[] for _ in parents]
    order: list[int] = []
    for place, parent in enumerate(parents):
        if parent == ROOT:
            order.append(place)
        else:
            children[parent].append(place)
    # It grows while it is gone through.
    for place in order:
        order += children[place]
    return order


def depths_of(parents: Sequence[int]) -> list[int]:
    """Of each span the number of spans above it."""
    depths = [0] * len(parents)
    for place in top_down(parents):
        if parents[place] != ROOT:
            depths[place] = depths[parents[place]] + 1
    return depths


def _open_cycles(parents: list[int]) -> None:
    """Makes the first member of each cycle a root."""
    # The number of the climb that came by, so that each place is climbed from once.
    climbs = [0] * len(parents)
    for start in range(len(parents)):
        place = start
        while place != ROOT and not climbs[place]:
            climbs[place] = start + 1
            place = parents[place]
        if place != ROOT and climbs[place] == start + 1:
            parents[_first_of_cycle(parents, place)] = ROOT


def _first_of_cycle(parents: Sequence[int], member: int) -> int:
    first, place = member, parents[member]
    while place != member:
        first = min(first, place)
        place = parents[place]
    return first
