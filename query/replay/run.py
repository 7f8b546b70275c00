"""Replays what a reader reads, beside the event loop, and tells how far it has come."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from query.replay.comparison import Verdict
from query.replay.replaying import Replay, tell
from query.replay.report import ReplayedDecision, ReplayReport
from storage.replay import DecisionPage, DecisionSelection, ReplayReader

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ReplayProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """After a page: so many decisions of all that are selected were read."""

    decisions: int
    total: int


Event: TypeAlias = ReplayProgress | ReplayedDecision | ReplayReport


async def run_replay(
    reader: ReplayReader, selection: DecisionSelection, replay: Replay, *, each: Collection[Verdict] = ()
) -> AsyncGenerator[Event, None]:
    """Progress, each decision with one of the verdicts ``each``, and the report at the end.

    The next page is read while one is replayed in a thread.

    Raises:
        RelayscopeError: the database cannot be reached, or is too busy.
    """
    async with reader.reading(selection) as reading:
        total = await reading.count()
        done = 0
        async for page in _ahead(reading.pages()):
            count, told = await asyncio.to_thread(_replayed, page, replay, frozenset(each))
            done += count
            for one in told:
                yield one
            # More may have come since they were counted.
            yield ReplayProgress(decisions=done, total=max(total, done))
        observed = await reading.observed()
        bounds = {"start": _iso(selection.start_us), "end": _iso(selection.end_us)}
        yield await asyncio.to_thread(replay.report, observed, **bounds)


async def _ahead(pages: AsyncIterator[DecisionPage]) -> AsyncIterator[DecisionPage]:
    """The pages; the next one is asked for when one is handed out."""
    task = asyncio.ensure_future(anext(pages, None))
    try:
        while (page := await task) is not None:
            task = asyncio.ensure_future(anext(pages, None))
            yield page
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _replayed(page: DecisionPage, replay: Replay, each: frozenset[Verdict]) -> tuple[int, Sequence[ReplayedDecision]]:
    decisions = page.decode()
    found = replay.add_all(decisions)
    return len(decisions), [tell(one) for one in found if one.verdict in each] if each else []


def _iso(unix_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=unix_us)).isoformat(timespec="microseconds").replace("+00:00", "Z")
