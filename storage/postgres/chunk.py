"""Chunks: the spans of one batch that start in the same hour, and the terms by which a search finds them. See ADR 0015.

Every span has the number of its chunk, and of every stored span the terms are stored with that number: in the same
transaction, or in one before. Two chunks may share a number, and a chunk may have terms that none of its spans has; both only
make a search look at more spans.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Iterable, Sequence

from storage.postgres.row import PG_EPOCH_US
from storage.postgres.table import Table
from tracedata import Span
from tracedata.term import terms_of

CHUNK_COLUMNS = ("to_time", "from_time", "workspace_id", "chunk", "spans", "terms")
CHUNK_TABLE = Table("attribute_chunks", CHUNK_COLUMNS)
# Numbers ascend, so that new spans are put at the end of their index, and are used again after two years.
_NUMBERS_PER_S = 32
_NUMBERS = 2**31
_NS_PER_HOUR = 3_600_000_000_000
# to_time, from_time, workspace_id, chunk, spans, and of terms: length, dimensions, whether one is null, type, count, first index.
_HEAD = struct.Struct("!hiqiqiiiiiiiiiiii")
_INT4_OID = 23
_ARRAY_HEAD_BYTES = 20
_ELEMENT_BYTES = 8


class ChunkNumbers:
    """Gives a number to each batch of one writer. Those of different writers rarely meet."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = -1

    def next(self) -> int:
        """The next number: of about now, and other than those before."""
        now = int(self._clock()) * _NUMBERS_PER_S + random.randrange(_NUMBERS_PER_S)  # noqa: S311 - no secret
        self._last = max(self._last + 1, now)
        return self._last % _NUMBERS


def encode_chunks(spans: Iterable[Span], *, workspace_id: int, chunk: int) -> list[bytes]:
    """Rows in the order of ``CHUNK_COLUMNS``, one for each hour in which some of the spans start."""
    by_hour: dict[int, list[Span]] = {}
    for span in spans:
        by_hour.setdefault(span.start_time_unix_nano // _NS_PER_HOUR, []).append(span)
    return [encode_chunk(ones, workspace_id=workspace_id, chunk=chunk) for ones in by_hour.values()]


def encode_chunk(spans: Sequence[Span], *, workspace_id: int, chunk: int, is_stale: bool = False) -> bytes:
    """A row in the order of ``CHUNK_COLUMNS`` for some spans of one chunk, at least one.

    ``is_stale`` says that the chunk may have terms that its spans have not any more: its terms are to be made anew.
    """
    starts = [span.start_time_unix_nano for span in spans]
    terms = sorted(terms_of(spans))
    size = _ARRAY_HEAD_BYTES + _ELEMENT_BYTES * len(terms)
    head = _HEAD.pack(
        len(CHUNK_COLUMNS),
        8,
        max(starts) // 1000 - PG_EPOCH_US,
        8,
        min(starts) // 1000 - PG_EPOCH_US,
        4,
        workspace_id,
        4,
        chunk,
        4,
        0 if is_stale else len(spans),
        size,
        1,
        0,
        _INT4_OID,
        len(terms),
        1,
    )
    return head + _elements(terms)


def _elements(terms: Iterable[int]) -> bytes:
    """Each with its length."""
    parts: list[int] = []
    for one in terms:
        parts += (4, one)
    return struct.pack(f"!{len(parts)}i", *parts)
