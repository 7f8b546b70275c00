"""Frames of traces, their pages, and whole spans by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from storage.api import SpanCursor
from storage.frame import FramedSpan
from tests.support.canonical import same_spans
from tests.support.factory import BASE_US, MAX_UINT64, full_span, resource, span, span_id, trace_id
from tests.support.memory_frames import MemoryFrames
from tests.support.memory_store import MemoryStore
from tests.support.store import Store
from tracedata import Batch, Span

_TRACE = trace_id()
_BASE_NS = BASE_US * 1_000
_ROOT, _TWIN = span_id(), span_id()


def _at(offset_ns: int, *, own: bytes | None = None, parent: bytes = _ROOT, name: str = "") -> Span:
    start = _BASE_NS + offset_ns
    return span(
        trace_id=_TRACE,
        span_id=own or span_id(),
        parent_span_id=parent,
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 5,
    )


_TRACES: Mapping[str, Sequence[Span]] = {
    "everything set": [full_span(trace_id=_TRACE)],
    "children before and after": [_at(0), _at(1, own=_ROOT, parent=b""), _at(2), _at(2_001)],
    "the parent is missing": [_at(0), _at(999)],
    "different spans with equal ids": [_at(0, own=_TWIN, name=str(number)) for number in range(5)],
    "end before start": [span(trace_id=_TRACE, start_time_unix_nano=_BASE_NS, end_time_unix_nano=_BASE_NS - 9)],
    "all of time": [
        span(trace_id=_TRACE, start_time_unix_nano=0, end_time_unix_nano=1),
        span(trace_id=_TRACE, start_time_unix_nano=MAX_UINT64, end_time_unix_nano=MAX_UINT64),
    ],
    "no service": [span(trace_id=_TRACE, resource=resource(""))],
}
_EACH = pytest.mark.parametrize("spans", _TRACES.values(), ids=_TRACES.keys())


async def _oracle(spans: Sequence[Span]) -> MemoryFrames:
    double = MemoryStore()
    await double.consume(Batch(workspace_id=1, spans=spans))
    return MemoryFrames(double)


def _sorted(spans: Sequence[FramedSpan]) -> list[FramedSpan]:
    return sorted(spans, key=lambda one: (one.frame.start_time_unix_nano, one.frame.span_id, one.frame.name))


@pytest.mark.parametrize("limit", [1, 2, 1_000])
@_EACH
async def test_pages_hold_every_frame_once_and_in_order(store: Store, spans: Sequence[Span], limit: int) -> None:
    await store.put(*spans, span())
    found: list[FramedSpan] = []
    after: SpanCursor | None = None
    while True:
        page = await store.frames.frame_page(1, _TRACE, limit=limit, after=after)
        found += page.spans
        after = page.cursor
        if after is None:
            break
        assert len(page.spans) == limit, "a page that is not full is the last"
    expected = (await (await _oracle(spans)).frame_page(1, _TRACE, limit=1_000)).spans
    assert _sorted(found) == _sorted(expected)
    places = [(one.frame.start_time_unix_nano, one.frame.span_id) for one in found]
    assert places == sorted(places)


@_EACH
async def test_frames_and_lineage_are_in_the_order_of_pages(store: Store, spans: Sequence[Span]) -> None:
    await store.put(*spans, span())
    page = await store.frames.frame_page(1, _TRACE, limit=1_000)
    frames = await store.frames.frames(1, _TRACE, limit=1_000)
    assert list(frames) == [one.frame for one in page.spans]
    lineage = await store.frames.lineage(1, _TRACE, limit=1_000)
    assert list(lineage) == [(frame.span_id, frame.parent_span_id) for frame in frames]
    assert list(await store.frames.frames(1, _TRACE, limit=1)) == list(frames)[:1]
    assert list(await store.frames.lineage(1, _TRACE, limit=1)) == list(lineage)[:1]


@_EACH
async def test_spans_by_their_ids_are_whole(store: Store, spans: Sequence[Span]) -> None:
    await store.put(*spans, span(span_id=spans[0].span_id))
    wanted = [spans[0].span_id, span_id()]
    found = await store.frames.spans_with_ids(1, _TRACE, wanted, limit=1_000)
    assert same_spans(found, [one for one in spans if one.span_id in wanted])
    assert len(await store.frames.spans_with_ids(1, _TRACE, wanted, limit=1)) == 1


async def test_other_workspaces_and_unknown_traces_have_none(store: Store) -> None:
    one = _at(0)
    await store.put(one, workspace_id=2)
    assert list((await store.frames.frame_page(1, _TRACE, limit=9)).spans) == []
    assert list(await store.frames.frames(1, _TRACE, limit=9)) == []
    assert list(await store.frames.lineage(1, _TRACE, limit=9)) == []
    assert list(await store.frames.spans_with_ids(1, _TRACE, [one.span_id], limit=9)) == []
