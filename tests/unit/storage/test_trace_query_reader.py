"""What the reader of query languages does before it asks the database."""

from __future__ import annotations

import threading
from typing import NoReturn

import pytest

from query.expression.lowering import lower
from query.expression.node import decode_call
from query.traceql.search import TraceQuery, trace_query
from storage.api import SearchCursor, SearchPart, Window
from storage.postgres.read_pool import ReaderConfig, ReadPool
from storage.postgres.trace_query_reader import PostgresTraceQueryReader
from tracedata import CallerError

_THREADS: list[int] = []


class Watched(TraceQuery, frozen=True, kw_only=True):
    """Says which thread makes its statement of it."""

    def candidates(self, *, below: SearchCursor | None = None, part: SearchPart | None = None) -> NoReturn:
        _THREADS.append(threading.get_ident())
        raise CallerError(f"far enough, below {below}, in {part}")


async def test_statements_are_not_made_on_the_event_loop() -> None:
    call = decode_call('{"op": "exists", "args": [{"attr": {"key": "n"}}]}')
    made = trace_query(lower(call), Window(workspace_id=1, start_us=0, end_us=1), limit=1)
    query = Watched(query=made.query, workspace_id=1, start_us=0, end_us=1, limit=1)
    with pytest.raises(CallerError, match="far enough, below None"):
        await PostgresTraceQueryReader(ReadPool(ReaderConfig(dsn="unused"))).find_matches(query)
    assert _THREADS != []
    assert threading.get_ident() not in _THREADS
