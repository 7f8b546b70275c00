"""Finding traces by predicates or by a structured filter: over HTTP and over gRPC the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from query.traceql.search import TraceQuery
from storage.api import SpanReader, TraceSearch
from storage.trace_query import TraceQueryReader
from tracedata import CallerError

Wanted: TypeAlias = TraceSearch | TraceQuery


async def _always() -> bool:
    return True


async def find_trace_ids(
    wanted: Wanted,
    reader: SpanReader,
    queries: TraceQueryReader | None,
    *,
    is_awaited: Callable[[], Awaitable[bool]] = _always,
) -> Sequence[bytes]:
    """Ids, newest first, none twice. A search that goes on for long ends early when its answer is no longer awaited.

    Raises:
        CallerError: there is a filter, and nothing that could answer it.
    """
    if not isinstance(wanted, TraceQuery):
        return (await reader.find_traces(wanted)).trace_ids
    if queries is None:
        raise CallerError("structured filters are not supported by this server")
    found: list[bytes] = []
    while True:
        page = await queries.find_matches(replace(wanted, limit=wanted.limit - len(found)))
        found += [match.trace_id for match in page.matches]
        if page.cursor is None or len(found) >= wanted.limit or not await is_awaited():
            return found
        # A page that is short has only paused; whoever asks says how long it may take.
        wanted = replace(wanted, after=page.cursor)


def check_alone(*predicates: object) -> None:
    """Raises ``CallerError`` when a filter has any of these beside it."""
    if any(predicates):
        raise CallerError("a filter stands for itself: service, operation, attributes and durations are said in it")
