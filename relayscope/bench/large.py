"""A store filled with many spans through the real path: what ingest still does then, and how fast it answers.

The load comes in laps. Each is encoded first and only its sending is measured, so that the rate of a lap is the
server's; the pauses in between are short beside it.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
from grpc import aio

from query.search import compile_search
from relayscope.bench.figure import now
from relayscope.bench.load import EXPORT, Order, Result
from relayscope.bench.loader import running_loader
from relayscope.bench.query import Latency, QueryPlan, measure_queries
from relayscope.bench.system import fresh_system, machine
from relayscope.bench.workload import EVENT_KEY, Days, event_request
from relayscope.database import build_rollups
from relayscope.supervisor import Ready
from storage.api import DEFAULT_WORKSPACE_ID, Tag, TraceSearch
from storage.postgres.candidate import CandidateSearch
from storage.postgres.ceiling import gather_statistics, stored
from storage.postgres.explanation import Explanation, explain_search
from tracedata import PermanentError

_S_PER_DAY, _S_PER_HOUR = 86_400, 3_600
_US_PER_S, _NS_PER_S = 1_000_000, 1_000_000_000
_PAGE = 20
# What the rate is averaged over at both ends, as a share of all laps.
_ENDS = 10


class LargePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to load, over how many days, and how many questions of each kind to ask then."""

    spans: int = 10_000_000
    days: int = 1
    lap_spans: int = 100_000
    sizes: tuple[int, int] = (100, 1000)
    queries: int = 50
    workers: int = 2
    connections: int = 16
    concurrency: int = 32
    seed: int = 1


class Lap(msgspec.Struct, frozen=True, kw_only=True):
    """The rate at which a part of the load was taken, and how many spans were stored at the end of it."""

    stored: int
    spans_per_s: float
    p99_ms: float
    retries: int


class LargeReport(msgspec.Struct, frozen=True, kw_only=True):
    """All laps, what they come to, and the latencies of queries.

    ``rate_empty`` and ``rate_full`` are medians over a tenth of the laps at either end. The very first lap counts for
    neither: it makes the partitions and fills the caches of the workers. ``rolled_up_s`` is how long rolling up went on
    after the load.
    """

    started: str
    machine: str
    plan: LargePlan
    laps: list[Lap]
    rate_empty: float
    rate_full: float
    ratio: float
    bytes_per_span: float
    disk_bytes: int
    rolled_up_s: float
    queries: Sequence[Latency]
    plans: Mapping[str, Sequence[Explanation]]


async def measure_large(plan: LargePlan, *, tell: Callable[[str], None], advance: Callable[[int], None]) -> LargeReport:
    """Fills a system of its own in a temporary folder and measures; ``advance`` is given the spans of every lap.

    Raises:
        RelayscopeError: the system cannot start, or a stored count does not equal the acknowledged one.
    """
    started = now()
    days = Days(first=int(time.time()) // _S_PER_DAY - plan.days, count=plan.days)
    async with fresh_system(workers=plan.workers) as ready:
        tell(f"loading {plan.spans:,} spans over {_in_words(plan.days)}")
        laps, trace_ids = await _load(plan, ready, days=days, advance=advance)
        spans, size = await stored(ready.database_url)
        if spans != laps[-1].stored:
            raise PermanentError(f"{laps[-1].stored} spans were acknowledged, {spans} are stored")
        empty, full = ends([lap.spans_per_s for lap in laps])
        tell(f"{empty:,.0f} spans/s when empty, {full:,.0f} when full; {size / spans:.0f} bytes a span; rolling up")
        # Without it, what is measured would depend on when autovacuum came by last.
        await gather_statistics(ready.database_url)
        rolled_up_s = await _rolled_up(ready.database_url)
        tell(f"rolled up in another {rolled_up_s:,.0f} s; asking")
        url = f"http://127.0.0.1:{ready.http}"
        event_value = await _send_event(ready, days=days)
        asked = QueryPlan(
            url=url, event_value=event_value, trace_ids=trace_ids, days=days, count=plan.queries, seed=plan.seed
        )
        queries = await measure_queries(asked, tell=tell)
        plans = await _explained(ready.database_url, days=days, event_value=event_value)
    return LargeReport(
        started=started,
        machine=machine(),
        plan=plan,
        laps=laps,
        rate_empty=empty,
        rate_full=full,
        ratio=full / empty,
        bytes_per_span=size / spans,
        disk_bytes=size,
        rolled_up_s=rolled_up_s,
        queries=queries,
        plans=plans,
    )


async def _load(
    plan: LargePlan, ready: Ready, *, days: Days, advance: Callable[[int], None]
) -> tuple[list[Lap], Sequence[str]]:
    """The laps, and the ids of some traces in no order."""
    laps: list[Lap] = []
    trace_ids: list[str] = []
    done = 0
    async with running_loader() as loader:
        while done < plan.spans:
            await loader.prepare(_order(plan, ready, days=days, done=done))
            result = await loader.send()
            done += result.spans
            laps.append(_lap(result, stored=done))
            trace_ids += result.trace_ids
            advance(result.spans)
    random.Random(plan.seed).shuffle(trace_ids)
    return laps, trace_ids


async def _rolled_up(dsn: str) -> float:
    """Waits until nothing of the load is left to be rolled up, as minutes after it in life; how many seconds that took."""
    started = time.monotonic()
    await build_rollups(dsn).drain(on_progress=lambda _: None)
    return time.monotonic() - started


async def _send_event(ready: Ready, *, days: Days) -> str:
    """Stores a span of the first hour, an event of which has an attribute like no other; returns the value."""
    trace_id = random.SystemRandom().randbytes(16)
    at_ns = (days.first * _S_PER_DAY + _S_PER_HOUR // 2) * _NS_PER_S
    async with aio.insecure_channel(f"127.0.0.1:{ready.otlp_grpc}") as channel:
        await channel.unary_unary(EXPORT)(event_request(trace_id, value=trace_id.hex(), at_ns=at_ns))
    return trace_id.hex()


async def _explained(dsn: str, *, days: Days, event_value: str) -> Mapping[str, Sequence[Explanation]]:
    """The plans of some searches, by the tag that they look for: of half of all spans, of one, of none."""
    start_us, end_us = (day * _S_PER_DAY * _US_PER_S for day in (days.first, days.first + days.count))
    tags = [Tag(key="cache.hit", value="true"), Tag(key=EVENT_KEY, value=event_value), Tag(key=EVENT_KEY, value="none")]
    found: dict[str, Sequence[Explanation]] = {}
    for tag in tags:
        asked = TraceSearch(
            workspace_id=DEFAULT_WORKSPACE_ID, start_us=start_us, end_us=end_us, limit=_PAGE, tags=[tag]
        )
        search = CandidateSearch(
            compile=partial(compile_search, asked),
            workspace_id=asked.workspace_id,
            start_us=start_us,
            end_us=end_us,
            limit=_PAGE,
            action="explain",
        )
        found[f"{tag.key}:{tag.value}"] = await explain_search(dsn, search)
    return found


def _order(plan: LargePlan, ready: Ready, *, days: Days, done: int) -> Order:
    spans = min(plan.lap_spans, plan.spans - done)
    fractions = (done / plan.spans, (done + spans) / plan.spans)
    return Order(
        target=f"127.0.0.1:{ready.otlp_grpc}",
        seed=plan.seed + done,
        spans=spans,
        sizes=plan.sizes,
        connections=plan.connections,
        concurrency=plan.concurrency,
        days=msgspec.structs.replace(days, fractions=fractions),
    )


def _lap(result: Result, *, stored: int) -> Lap:
    rate = result.spans / result.seconds
    return Lap(stored=stored, spans_per_s=rate, p99_ms=result.p99_ms, retries=result.retries)


def ends(rates: Sequence[float]) -> tuple[float, float]:
    """The rate at the beginning and at the end."""
    counted = rates[1:] or rates
    width = max(1, len(counted) // _ENDS)
    return statistics.median(counted[:width]), statistics.median(counted[-width:])


def _in_words(days: int) -> str:
    return "one day" if days == 1 else f"{days} days"
