"""Parts of traces: pages of spans, and outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from storage.api import MAX_OUTLINE_FAILED, MAX_OUTLINE_FIRST, SpanCursor
from tests.support.canonical import same_spans
from tests.support.factory import BASE_US, MAX_UINT64, full_span, resource, span, span_id, trace_id
from tests.support.outline import in_order, outline_of
from tests.support.store import Store
from tracedata import Span, StatusCode

_TRACE = trace_id()
_BASE_NS = BASE_US * 1_000
_PARENT = span_id()


def _at(offset_ns: int, *, name: str = "", parent: bytes = _PARENT, failed: bool = False) -> Span:
    start = _BASE_NS + offset_ns
    code = StatusCode.ERROR if failed else StatusCode.UNSET
    return span(
        trace_id=_TRACE,
        name=name,
        parent_span_id=parent,
        status_code=code,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 5,
    )


_TWIN = span_id()
_TRACES: Mapping[str, Sequence[Span]] = {
    "one span": [full_span(trace_id=_TRACE)],
    "a root that comes later": [_at(0), _at(1, parent=b""), _at(2, parent=b"")],
    "no root": [_at(3), _at(1), _at(2)],
    "nanoseconds": [_at(offset) for offset in (1_001, 999, 1_000, 0, 1)],
    "many": [_at(offset) for offset in range(MAX_OUTLINE_FIRST + 3)],
    "a root behind many": [*(_at(offset) for offset in range(MAX_OUTLINE_FIRST)), _at(10**6, parent=b"")],
    "many that failed": [_at(offset, failed=offset > 2) for offset in range(MAX_OUTLINE_FAILED + 50)],
    "failed behind many": [*(_at(offset) for offset in range(MAX_OUTLINE_FIRST)), _at(10**6, failed=True)],
    "end before start": [span(trace_id=_TRACE, start_time_unix_nano=_BASE_NS, end_time_unix_nano=_BASE_NS - 9)],
    "all of time": [
        span(trace_id=_TRACE, start_time_unix_nano=0, end_time_unix_nano=1),
        span(trace_id=_TRACE, start_time_unix_nano=MAX_UINT64, end_time_unix_nano=MAX_UINT64),
    ],
    "services": [span(trace_id=_TRACE, resource=resource(name)) for name in ("b", "a", "b", "")],
    "different spans with equal ids": [
        span(trace_id=_TRACE, span_id=_TWIN, name=str(number), start_time_unix_nano=_BASE_NS) for number in range(5)
    ],
}


@pytest.mark.parametrize("limit", [1, 2, 1_000])
@pytest.mark.parametrize("spans", _TRACES.values(), ids=_TRACES.keys())
async def test_pages_hold_every_span_once_and_in_order(store: Store, spans: Sequence[Span], limit: int) -> None:
    await store.put(*spans, span())
    found: list[Span] = []
    after: SpanCursor | None = None
    while True:
        page = await store.reader.trace_spans(1, _TRACE, limit=limit, after=after)
        found += page.spans
        after = page.cursor
        if after is None:
            break
        assert len(page.spans) == limit, "a page that is not full is the last"
    assert same_spans(found, spans)
    assert found == in_order(found)


@pytest.mark.parametrize("spans", _TRACES.values(), ids=_TRACES.keys())
async def test_an_outline_tells_of_all_spans(store: Store, spans: Sequence[Span]) -> None:
    other = span()
    await store.put(*spans, other)
    outlines = await store.reader.outlines(1, [_TRACE, other.trace_id, trace_id()])
    assert set(outlines) == {_TRACE, other.trace_id}
    found, expected = outlines[_TRACE], outline_of(await store.trace(_TRACE))
    assert found == expected


async def test_parts_of_other_workspaces_are_not_visible(store: Store) -> None:
    await store.put(_at(0), workspace_id=2)
    assert list((await store.reader.trace_spans(1, _TRACE, limit=9)).spans) == []
    assert dict(await store.reader.outlines(1, [_TRACE])) == {}
