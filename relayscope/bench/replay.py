"""Replay of many stored decisions through the API of a system of its own, and how long others wait for an answer meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import msgspec

from relayscope.bench.figure import now, percentile
from relayscope.bench.system import fresh_system, machine
from storage.api import DEFAULT_WORKSPACE_ID
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tracedata import Batch, Decision, Interaction, PermanentError, Value
from tracedata.interaction import Cost

_BATCH = 2_000
_HOUR_NS = 3_600_000_000_000
_PAUSE_S = 0.05
_TIMEOUT_S = 600.0
_MODELS = ("gpt-4o-mini", "gpt-4.1", "o4-mini")
_PLANS = ("free", "team", "enterprise")
# Five rules, of which the last ones are reached by most.
_RULES = """
name: bench
version: "1"
decisions:
  - type: model_selection
    component: router
    rules:
      - {id: r-1, when: 'has(input.unavailable) && input.unavailable == "openai"', then: {route: {provider: anthropic, model: claude-haiku-4-5}}}
      - {id: r-2, when: 'input.plan == "enterprise" && input.prompt_tokens > 1500', then: {route: {provider: openai, model: o4-mini}}}
      - {id: r-3, when: 'input.tags.exists(tag, tag == "vip")', then: {route: {provider: openai, model: gpt-4.1}}}
      - {id: r-4, when: 'input.prompt_tokens > 1000', then: {route: {provider: openai, model: gpt-4.1}}}
      - {id: r-5, when: 'true', then: {route: {provider: openai, model: gpt-4o-mini}}}
"""


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure. An input has 20 fields."""

    decisions: int = 100_000
    rounds: int = 3
    seed: int = 1


class ReplayBenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions a second from the request to the report: the median, and that of each round.

    ``health_p99_ms`` is how long a small question to the same API took meanwhile.
    """

    started: str
    machine: str
    plan: ReplayPlan
    decisions_per_s: float
    seconds: list[float]
    flips: int
    health_p50_ms: float
    health_p99_ms: float


async def measure_replay(plan: ReplayPlan, *, tell: Callable[[str], None]) -> ReplayBenchReport:
    """Fills a system with decisions, each with its call of a model, and replays all of them.

    Raises:
        RelayscopeError: the system cannot start, or does not replay all decisions.
    """
    started = now()
    tell("starting a system in a temporary folder")
    # The decisions are stored without the spans that would tell of them, so settling would remove them.
    async with fresh_system(workers=1, extraction=False) as ready:
        begin_ns = time.time_ns() - _HOUR_NS
        tell(f"storing {plan.decisions:,} decisions and as many calls of models")
        await _fill(ready.database_url, plan, begin_ns)
        seconds: list[float] = []
        waits_ms: list[float] = []
        flips = 0
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ready.http}", timeout=_TIMEOUT_S) as client:
            for number in range(plan.rounds):
                async with _asking(client, waits_ms):
                    start = time.perf_counter()
                    flips = await _replay(client, plan)
                    seconds.append(time.perf_counter() - start)
                tell(f"round {number + 1} of {plan.rounds}: {plan.decisions / seconds[-1]:,.0f} decisions/s")
    return ReplayBenchReport(
        started=started,
        machine=machine(),
        plan=plan,
        decisions_per_s=plan.decisions / statistics.median(seconds),
        seconds=[round(one, 3) for one in seconds],
        flips=flips,
        health_p50_ms=round(percentile(waits_ms, 0.5), 1),
        health_p99_ms=round(percentile(waits_ms, 0.99), 1),
    )


async def _replay(client: httpx.AsyncClient, plan: ReplayPlan) -> int:
    response = await client.post("/api/v1/decisions/replay", json={"rules": _RULES, "since": "-1d", "until": "+1h"})
    if response.status_code != httpx.codes.OK:
        raise PermanentError(f"the replay failed: {response.text[:500]}")
    report = response.json()
    if report["selection"]["replayed"] != plan.decisions:
        raise PermanentError(f"{report['selection']['replayed']:,} decisions were replayed, not {plan.decisions:,}")
    return int(report["verdicts"]["flip"])


@contextlib.asynccontextmanager
async def _asking(client: httpx.AsyncClient, waits_ms: list[float]) -> AsyncIterator[None]:
    async def ask() -> None:
        while True:
            start = time.perf_counter()
            (await client.get("/healthz")).raise_for_status()
            waits_ms.append((time.perf_counter() - start) * 1_000)
            await asyncio.sleep(_PAUSE_S)

    task = asyncio.create_task(ask())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _fill(dsn: str, plan: ReplayPlan, begin_ns: int) -> None:
    writer = PostgresSpanWriter(WriterConfig(dsn=dsn))
    await writer.start()
    try:
        for batch in _batches(plan, begin_ns):
            await writer.consume(batch)
    finally:
        await writer.aclose()


def _batches(plan: ReplayPlan, begin_ns: int) -> Iterator[Batch]:
    chance = random.Random(plan.seed)
    for first in range(0, plan.decisions, _BATCH):
        numbers = range(first, min(first + _BATCH, plan.decisions))
        pairs = [_pair(number, chance, begin_ns + number * (_HOUR_NS // plan.decisions)) for number in numbers]
        yield Batch(
            workspace_id=DEFAULT_WORKSPACE_ID,
            spans=(),
            decisions=[decision for decision, _ in pairs],
            interactions=[interaction for _, interaction in pairs],
        )


def _pair(number: int, chance: random.Random, time_ns: int) -> tuple[Decision, Interaction]:
    model = chance.choice(_MODELS)
    trace_id = (number + 1).to_bytes(16, "big")
    facts: dict[str, Value] = {f"count_{one}": chance.randrange(1_000) for one in range(8)}
    facts |= {f"text_{one}": f"value {chance.randrange(1_000)}" for one in range(8)}
    facts |= {
        "prompt_tokens": chance.randrange(2_000),
        "plan": chance.choice(_PLANS),
        "share": round(chance.random(), 3),
        "tags": ["vip"] if chance.random() < 0.05 else ["a", "b"],
    }
    decision = Decision(
        id=f"d-{number}",
        trace_id=trace_id,
        time_unix_nano=time_ns,
        type="model_selection",
        component="router",
        service_name="router",
        input=facts,
        output={"provider": "openai", "model": model},
        reasoning="what the router said about it",
        rule_id="r-4",
        rule_version="1",
        outcome="selected",
        carriers=("span",),
        convention="decision_trace",
    )
    interaction = Interaction(
        trace_id=trace_id,
        span_id=(number + 1).to_bytes(8, "big"),
        start_time_unix_nano=time_ns,
        end_time_unix_nano=time_ns + chance.randrange(1, 5_000) * 1_000_000,
        operation="chat",
        provider="openai",
        model_requested=model,
        cost=Cost(amount=chance.randrange(1, 5_000) / 1_000_000, source="bench"),
    )
    return decision, interaction
