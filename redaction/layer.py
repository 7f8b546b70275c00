"""Encodings inside text, and how to put redacted text back into them with the structure still valid.

Layers are disjoint regions. Each is decoded in ``json_layer``, ``escape`` or ``base64_run`` and redacted elsewhere, one inside
the other, so nothing there detects.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import msgspec

from redaction.operator import PLACEHOLDER


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is what the region ``start`` to ``end`` says; ``encode`` says another text in the same way.

    ``key`` is the name of the JSON member that the region is the value of, or of the one around it that goes whole;
    ``object``: the region is such a name, in the object of this number.
    """

    start: int
    end: int
    text: str
    encode: Callable[[str], str]
    key: str = ""
    object: int | None = None

    @property
    def is_name(self) -> bool:
        return self.object is not None


class Writing(msgspec.Struct, frozen=True):
    """A way to write text. What ``marks`` matches is decoded, each mark by itself, and everything else says itself."""

    marks: re.Pattern[str]
    decode: Callable[[str], str]
    encode: Callable[[str], str]

    def rewritten(self, written: str, before: str, after: str) -> str:
        """``written``, which says ``before``, so that it says ``after``. What stays is left as it was written."""
        places = _Places(written, before, self)
        parts: list[str] = []
        position = 0
        for start, end, to_start, to_end in _kept(before, after):
            parts += [self.encode(after[position:to_start]), *places.written(start, end)]
            position = to_end
        return "".join([*parts, self.encode(after[position:])])


class _Places:
    """Where of what was written a part of it is said."""

    def __init__(self, written: str, said: str, writing: Writing) -> None:
        self._written = written
        self._said = said
        self._encode = writing.encode
        # Where each mark stands, in what is written and in what is said.
        self._marks: list[tuple[int, int, int, int]] = []
        shift = 0
        for mark in writing.marks.finditer(written):
            start = mark.start() - shift
            end = start + len(writing.decode(mark[0]))
            self._marks.append((*mark.span(), start, end))
            shift = mark.end() - end

    def written(self, start: int, end: int) -> Iterator[str]:
        """How ``said[start:end]`` is written. A mark that says more than that is written anew."""
        first, start_mark = self._place(start)
        last, end_mark = self._place(end)
        if start_mark and start_mark == end_mark:
            yield self._encode(self._said[start:end])
            return
        if start_mark:
            first = start_mark[1]
            yield self._encode(self._said[start : start_mark[3]])
        if end_mark:
            last = end_mark[0]
        yield self._written[first:last]
        if end_mark:
            yield self._encode(self._said[end_mark[2] : end])

    def _place(self, said: int) -> tuple[int, tuple[int, int, int, int] | None]:
        """The place where it is written, or the mark inside of which it is."""
        index = bisect_right(self._marks, said, key=_start) - 1
        if index < 0:
            return said, None
        mark = self._marks[index]
        if said == mark[2]:
            return mark[0], None
        return mark[1] + said - mark[3], mark if said < mark[3] else None


def _start(mark: tuple[int, int, int, int]) -> int:
    return mark[2]


def _kept(before: str, after: str) -> Sequence[tuple[int, int, int, int]]:
    """What stands in both, in order: from where to where before, and after. Placeholders do not count."""
    kept: list[tuple[int, int, int, int]] = []
    position = from_ = 0
    for start, end in [*(mark.span() for mark in PLACEHOLDER.finditer(after)), (len(after), len(after))]:
        part = after[from_:start]
        is_last = start == len(after)
        place = len(before) - len(part) if is_last else before.find(part, position)
        if place < position or (not from_ and place) or (is_last and not before.endswith(part)):
            return _edges(before, after)
        position = place + len(part)
        if part:
            kept.append((place, position, from_, start))
        from_ = end
    return kept


def _edges(before: str, after: str) -> Sequence[tuple[int, int, int, int]]:
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    sizes = len(before), len(after)
    return [(0, head, 0, head), (sizes[0] - tail, sizes[0], sizes[1] - tail, sizes[1])]


def _common(one: str, other: str) -> int:
    """How long the beginning is that both have."""
    for index, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return index
    return min(len(one), len(other))
