"""How fast the API answers the questions of the budget, asked one after the other over whatever is stored."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import httpx
import msgspec

from relayscope.bench.figure import percentile
from relayscope.bench.workload import EVENT_KEY, SERVICES, Days
from tracedata import PermanentError

_TIMEOUT_S = 120.0
# A kind of question that the store cannot answer in time is not asked to the end.
_MOST_SECONDS_A_KIND = 120.0
_S_PER_DAY = 86_400
# Few spans share the value of the one, and none that of the other.
_RARE, _SINGLE = "request.id", "gen_ai.response.id"
_SAMPLED_TRACES = 20
# The first questions of a kind open connections and load what a process that was just started has not needed so far.
_UNCOUNTED = 3
_LONGER_THAN_ANY = "2s"

Parameters = Mapping[str, str | int]
# The path and the parameters of a question.
Question = tuple[str, Parameters]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Answers to one kind of question; times in milliseconds include those of questions that failed."""

    name: str
    asked: int
    failed: int
    p50_ms: float
    p95_ms: float
    budget_ms: float


class Kind(NamedTuple):
    """A kind of question: how one is made, and the budget of its p95 at ten million spans."""

    ask: Callable[[], Question]
    budget_ms: float


class QueryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: of which traces (hex ids), over which days, how many questions a kind.

    ``event_value`` is that of the attribute ``EVENT_KEY`` of one event of all.
    """

    url: str
    event_value: str
    trace_ids: Sequence[str]
    days: Days
    count: int
    seed: int


async def measure_queries(plan: QueryPlan, *, tell: Callable[[str], None]) -> Sequence[Latency]:
    """Asks every kind of question; ``tell`` is given a line for each kind."""
    # A proxy of the environment cannot reach this machine's loopback interface.
    async with httpx.AsyncClient(base_url=plan.url, timeout=_TIMEOUT_S, trust_env=False) as client:
        kinds = await _kinds(plan, client)
        latencies = []
        for name, kind in kinds.items():
            latencies.append(await _measure(client, name=name, kind=kind, count=plan.count))
            tell(_line(latencies[-1]))
    return latencies


async def _kinds(plan: QueryPlan, client: httpx.AsyncClient) -> Mapping[str, Kind]:
    dice = random.Random(plan.seed)
    rare, single = await _values(plan, client, _RARE), await _values(plan, client, _SINGLE)
    operations = {service: await _operations(client, service) for service in SERVICES}
    start, end = plan.days.first * _S_PER_DAY, (plan.days.first + plan.days.count) * _S_PER_DAY

    def search(**predicates: str) -> Question:
        return "/api/v1/traces", {"start": _iso(start), "end": _iso(end), "limit": 20, **predicates}

    def by_service() -> Question:
        service = dice.choice(SERVICES)
        duration = f"{dice.randrange(50, 450)}ms"
        return search(service=service, operation=dice.choice(operations[service]), minDuration=duration)

    def slower_than_any() -> Question:
        service = dice.choice(SERVICES)
        return search(service=service, operation=dice.choice(operations[service]), minDuration=_LONGER_THAN_ANY)

    def traceql() -> Question:
        path, parameters = search(q=f'{{ span.{_SINGLE} = "{dice.choice(single)}" }}')
        return f"{path}/search", parameters

    tags: Mapping[str, Callable[[], str]] = {
        "a common attribute": lambda: f"tenant.tier:{dice.choice(('free', 'pro', 'enterprise'))}",
        "an attribute of half of all spans": lambda: f"cache.hit:{dice.choice(('true', 'false'))}",
        "an attribute of few spans": lambda: f"{_RARE}:{dice.choice(rare)}",
        "an attribute of one span": lambda: f"{_SINGLE}:{dice.choice(single)}",
        "an attribute that is nowhere": lambda: f"{_RARE}:{dice.randbytes(12).hex()}",
        "an attribute of the resource": lambda: "resource.host.name:bench-1",
        "an attribute of one event": lambda: f"{EVENT_KEY}:{plan.event_value}",
    }

    def last_day() -> Question:
        return "/api/v1/traces/services", {"start": _iso(end - _S_PER_DAY), "end": _iso(end)}

    return {
        "trace by id, without a time": Kind(lambda: (f"/api/v1/traces/{dice.choice(plan.trace_ids)}", {}), 10),
        "search by service, operation, duration": Kind(by_service, 50),
        "the same with a duration that is nowhere": Kind(slower_than_any, 50),
        **{f"search by {name}": Kind(partial(_asking, search, tag), 100) for name, tag in tags.items()},
        "TraceQL, an attribute of one span": Kind(traceql, 100),
        "service map of 24 h": Kind(last_day, 100),
    }


def _asking(search: Callable[..., Question], tag: Callable[[], str]) -> Question:
    return search(tag=tag())


async def _measure(client: httpx.AsyncClient, *, name: str, kind: Kind, count: int) -> Latency:
    latencies: list[float] = []
    failed = 0
    begin = time.perf_counter()
    for _ in range(_UNCOUNTED):
        path, parameters = kind.ask()
        await client.get(path, params=parameters)
    while len(latencies) < count and time.perf_counter() - begin < _MOST_SECONDS_A_KIND:
        path, parameters = kind.ask()
        start = time.perf_counter()
        response = await client.get(path, params=parameters)
        latencies.append((time.perf_counter() - start) * 1000)
        failed += response.status_code != httpx.codes.OK
    return Latency(
        name=name,
        asked=len(latencies),
        failed=failed,
        p50_ms=percentile(latencies, 0.5),
        p95_ms=percentile(latencies, 0.95),
        budget_ms=kind.budget_ms,
    )


class _Span(msgspec.Struct):
    tags: dict[str, str]


class _Trace(msgspec.Struct):
    spans: list[_Span]


async def _values(plan: QueryPlan, client: httpx.AsyncClient, key: str) -> Sequence[str]:
    """Values of an attribute, from some of the traces."""
    values: set[str] = set()
    for trace_id in plan.trace_ids[:_SAMPLED_TRACES]:
        response = await client.get(f"/api/v1/traces/{trace_id}")
        if response.status_code != httpx.codes.OK:
            raise PermanentError("a trace that was acknowledged cannot be read")
        trace = msgspec.json.decode(response.content, type=_Trace)
        values |= {span.tags[key] for span in trace.spans if key in span.tags}
    return sorted(values)


class _Name(msgspec.Struct):
    name: str


class _Names(msgspec.Struct):
    items: list[_Name]


async def _operations(client: httpx.AsyncClient, service: str) -> Sequence[str]:
    response = await client.get(f"/api/v1/services/{service}/operations")
    names = [item.name for item in msgspec.json.decode(response.content, type=_Names).items]
    if not names:
        raise PermanentError(f"the service {service} has no operations")
    return names


def _iso(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()


def _line(latency: Latency) -> str:
    failed = f", {latency.failed} failed" if latency.failed else ""
    return f"{latency.name}: p50 {latency.p50_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms (budget {latency.budget_ms:.0f}) of {latency.asked}{failed}"
