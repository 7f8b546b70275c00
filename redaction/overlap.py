"""Findings that overlap become one, so that what one of them covers alone is not left behind."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from redaction.finding import Finding

# How entities of secrets begin, of ours and of an operator's.
_SECRET = "SECRET_"  # noqa: S105 - the beginning of a name


def merged(findings: Iterable[Finding]) -> Sequence[Finding]:
    """Disjoint findings in order. Where some overlap, a secret names the whole, or else the surest and longest of them."""
    clusters: list[Finding] = []
    for finding in sorted(findings, key=lambda one: (one.start, -one.end, -one.score, one.entity)):
        last = clusters[-1] if clusters else None
        if last is None or finding.start >= last.end:
            clusters.append(finding)
            continue
        best = max(last, finding, key=_rank)
        clusters[-1] = Finding(start=last.start, end=max(last.end, finding.end), entity=best.entity, score=best.score)
    return clusters


def touching(places: Sequence[tuple[int, int]], start: int, end: int) -> Sequence[tuple[int, int]]:
    """Those of disjoint places in order that have a character between ``start`` and ``end``."""
    return places[bisect_right(places, start, key=_end) : bisect_left(places, end, key=_start)]


def _start(place: tuple[int, int]) -> int:
    return place[0]


def _end(place: tuple[int, int]) -> int:
    return place[1]


def _rank(finding: Finding) -> tuple[bool, float, int]:
    return finding.entity.startswith(_SECRET), finding.score, finding.end - finding.start
