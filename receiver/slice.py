"""A request in slices, so that a large one never exists in all of its forms at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from tracedata import Batch, LogRecord, Span

_Item = TypeVar("_Item", Span, LogRecord)
_Seal: TypeAlias = Callable[[Sequence[_Item], Mapping[str, int]], Batch]


def span_slices(
    items: Iterable[Span | str], *, workspace_id: int, max_items: int, rejections: Mapping[str, int]
) -> Iterator[Batch]:
    """Batches of ``max_items`` spans, the last one with what is left; a text is the reason class of one left out.

    Whatever was left out before is in the first batch.
    """
    return _slices(items, partial(_sealed_spans, workspace_id), max_items=max_items, rejections=rejections)


def log_slices(
    items: Iterable[LogRecord], *, workspace_id: int, max_items: int, rejections: Mapping[str, int]
) -> Iterator[Batch]:
    """The same for log records, of which none is left out here."""
    return _slices(items, partial(_sealed_log_records, workspace_id), max_items=max_items, rejections=rejections)


def _sealed_spans(workspace_id: int, spans: Sequence[Span], rejections: Mapping[str, int]) -> Batch:
    return Batch(workspace_id=workspace_id, spans=spans, rejections=rejections)


def _sealed_log_records(workspace_id: int, records: Sequence[LogRecord], rejections: Mapping[str, int]) -> Batch:
    return Batch(workspace_id=workspace_id, log_records=records, rejections=rejections)


def _slices(
    items: Iterable[_Item | str], seal: _Seal[_Item], *, max_items: int, rejections: Mapping[str, int]
) -> Iterator[Batch]:
    kept: list[_Item] = []
    left_out = dict(rejections)
    for item in items:
        if isinstance(item, str):
            left_out[item] = left_out.get(item, 0) + 1
            continue
        if len(kept) == max_items:
            batch = seal(kept, left_out)
            kept, left_out = [], {}
            yield batch
            del batch
        kept.append(item)
    yield seal(kept, left_out)
