"""Stage one: one linear pass over many texts that says where a closer look is worth its while.

Hyperscan matches all expressions at once at some gigabytes a second, and tells where each match ends; texts of a whole batch
are joined, so that its overhead is paid once. See docs/adr/0009.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

import hyperscan

# The byte between two texts. No expression may match across it, but one that does only looks once too often.
_SEPARATOR = "\n"
_MAX_CHARS = 4 << 20
_PLUS_ONE = (1).__add__
# Where triggers ended: numbers of expressions, and offsets in characters of the folded text.
Hits = Sequence[tuple[int, int]]


class Prefilter:
    """A compiled set of expressions over ASCII. Safe to share between threads that have a scratch of their own."""

    def __init__(self, expressions: Sequence[bytes]) -> None:
        self._database = hyperscan.Database()
        self._database.compile(
            expressions=list(expressions),
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[0] * len(expressions),
        )

    def scan(self, texts: Sequence[str]) -> Mapping[int, Hits]:
        """Hits by index of text; a text that is missing has none. Characters that are not ASCII count as one ``?``."""
        if not texts:
            return {}
        if sum(map(len, texts)) <= _MAX_CHARS:
            return self._scan(texts)
        # What is large is looked at in pieces, so that there are no copies of all of it at once.
        hits: dict[int, Hits] = {}
        for start, stop in _pieces(texts):
            hits.update((start + index, found) for index, found in self._scan(texts[start:stop]).items())
        return hits

    def _scan(self, texts: Sequence[str]) -> Mapping[int, Hits]:
        ends: list[tuple[int, int]] = []
        found = ends.append

        def on_match(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found((number, end))

        self._database.scan(_SEPARATOR.join(texts).encode("ascii", "replace"), match_event_handler=on_match)
        return _by_text(ends, texts) if ends else {}


def _pieces(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Ranges of texts that together are no longer than the limit, unless one alone is."""
    start, size = 0, 0
    for index, text in enumerate(texts):
        if size and size + len(text) > _MAX_CHARS:
            yield start, index
            start, size = index, 0
        size += len(text) + 1
    yield start, len(texts)


def _by_text(ends: Sequence[tuple[int, int]], texts: Sequence[str]) -> Mapping[int, Hits]:
    if len(texts) == 1:
        return {0: ends}
    starts = list(accumulate(map(_PLUS_ONE, map(len, texts)), initial=0))
    hits: dict[int, list[tuple[int, int]]] = {}
    start, stop = 0, -1
    found: list[tuple[int, int]] = []
    for number, end in ends:
        # The next hit lies in the same text, mostly.
        if not start < end <= stop:
            # The end is behind the last character, so the character before it tells the text.
            index = bisect_right(starts, end - 1) - 1
            start, stop = starts[index], starts[index + 1]
            found = hits.setdefault(index, [])
        found.append((number, end - start))
    return hits
