"""Spans whose map is hard to roll up, and rolling them up at any moment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import pytest
from msgspec.structs import astuple, replace

from storage.api import CallStatistics, PeerEdge, PeerNode, ServiceEdge, ServiceMap, ServiceNode, Window
from storage.interaction_reader import CALLS, Dimension, InteractionFilter, InteractionStatistics, StatisticsQuestion
from storage.latency import MAX_RELATIVE_ERROR
from storage.postgres.rollup_leader import Rollup, RollupConfig
from storage.rollup import SpanQuestion, SpanStatistics
from tests.support.factory import BASE_US, HOUR_US, MS_NS, SECOND_US, span, span_id, trace_id
from tests.support.interaction import interaction
from tests.support.service_map import call_statistics, start_us
from tracedata import Interaction, Link, Span, SpanKind, StatusCode, Value
from tracedata.interaction import Cost, Usage

_MINUTE_US = 60 * SECOND_US
_DAY_US = 24 * HOUR_US
# Moments around which spans start: ends of minutes, hours and days, and what lies just within a day of each other.
_MOMENTS = (
    0,
    _MINUTE_US,
    2 * _MINUTE_US,
    HOUR_US,
    5 * HOUR_US,
    12 * HOUR_US,
    _DAY_US,
    _DAY_US + HOUR_US,
    -12 * HOUR_US,
    -_DAY_US,
)
_Part = TypeVar("_Part", ServiceNode, ServiceEdge, PeerEdge, PeerNode)
_PEERS: Sequence[dict[str, Value]] = (
    {},
    {"db.system.name": "postgresql", "db.namespace": "orders", "server.address": "db.internal"},
    {"messaging.system": "kafka", "messaging.destination.name": "emails"},
    {"server.address": "api.example.com"},
    {"url.full": "https://user@pay.example.com:443/charge?x=1"},
    {"gen_ai.provider.name": "openai", "server.address": "api.openai.com"},
)


def moment(choice: random.Random) -> int:
    """Microseconds from ``BASE_US``."""
    return choice.choice(_MOMENTS) + choice.choice((-1, 0, 1, choice.randrange(-90, 90) * SECOND_US))


def traces(choice: random.Random, count: int) -> list[Span]:
    """Spans of some traces: any kind, with peers, with parents before and after them, in other services or absent; some share an id."""
    spans: list[Span] = []
    for _ in range(count):
        shared = trace_id()
        ids = [span_id() for _ in range(choice.randrange(1, 6))]
        around = moment(choice)
        for _ in range(choice.randrange(1, 9)):
            at_us = around + choice.randrange(-5, 5) * SECOND_US if choice.random() < 0.6 else moment(choice)
            spans.append(
                span(
                    service=choice.choice(("a", "b", "c", "")),
                    at_us=at_us,
                    lasting_ns=choice.choice((0, -5, choice.randrange(1, 900) * MS_NS)),
                    trace_id=shared,
                    span_id=choice.choice(ids),
                    parent_span_id=choice.choice((b"", *ids)),
                    name=choice.choice(("GET", "PUT")),
                    kind=choice.choice(list(SpanKind)),
                    status_code=choice.choice((StatusCode.UNSET, StatusCode.ERROR)),
                    attributes=choice.choice(_PEERS),
                )
            )
    producers = [one for one in spans if one.kind == SpanKind.PRODUCER] or spans
    return [
        replace(one, links=[_link(choice.choice(producers)) for _ in range(choice.randrange(1, 4))])
        if one.kind == SpanKind.CONSUMER and choice.random() < 0.8
        else one
        for one in spans
    ]


def _link(to: Span) -> Link:
    return Link(trace_id=to.trace_id, span_id=to.span_id)


def windows(choice: random.Random, workspace_id: int) -> Window:
    """A window that begins and ends wherever, or on whole days."""
    if choice.random() < 0.3:
        whole = BASE_US - BASE_US % _DAY_US
        return Window(workspace_id=workspace_id, start_us=whole - 2 * _DAY_US, end_us=whole + 3 * _DAY_US)
    start_us, end_us = sorted(BASE_US + moment(choice) for _ in range(2))
    return Window(workspace_id=workspace_id, start_us=start_us, end_us=end_us)


async def roll_up(dsn: str) -> None:
    """Rolls up everything."""
    await Rollup(RollupConfig(dsn=dsn)).drain()


def assert_same_map(found: ServiceMap, expected: ServiceMap) -> None:
    """Counts are equal, and percentiles as near as is promised."""
    for part in ("nodes", "edges", "peers", "peer_nodes"):
        ones, others = getattr(found, part), getattr(expected, part)
        assert [_bare(one) for one in ones] == [_bare(other) for other in others]
        assert_near([one.statistics for one in ones], [other.statistics for other in others])


def assert_near(found: Sequence[CallStatistics], expected: Sequence[CallStatistics]) -> None:
    """Percentiles are as near as is promised."""
    for one, other in zip(found, expected, strict=True):
        near = pytest.approx((other.p50_ms, other.p95_ms, other.p99_ms), rel=MAX_RELATIVE_ERROR + 1e-9, abs=1e-12)
        assert (one.p50_ms, one.p95_ms, one.p99_ms) == near


def _bare(one: _Part) -> _Part:
    return replace(one, statistics=replace(one.statistics, p50_ms=0.0, p95_ms=0.0, p99_ms=0.0))


def calls(choice: random.Random, count: int) -> list[Interaction]:
    """Interactions of some models at any of those moments."""
    return [
        interaction(
            trace_id=trace_id(),
            start_time_unix_nano=(start := (BASE_US + moment(choice)) * 1_000),
            end_time_unix_nano=start + choice.choice((0, choice.randrange(1, 90_000) * MS_NS)),
            operation=choice.choice(("chat", "embedding", "agent")),
            service_name=choice.choice(("a", "b")),
            provider=choice.choice(("openai", "anthropic")),
            model_requested=choice.choice(("m", "n")),
            model_served=choice.choice(("", "n", "n-1")),
            agent=choice.choice(("", "planner")),
            is_streaming=choice.choice((None, True, False)),
            time_to_first_token_ns=choice.choice((None, 0, choice.randrange(1, 900) * MS_NS)),
            usage=choice.choice(
                (Usage(), Usage(input=7, output=choice.randrange(100)), Usage(input=1, is_estimated=True))
            ),
            cost=choice.choice((Cost(), Cost(amount=0.125, source="s"), Cost(amount=0.5, currency="EUR", source="s"))),
            status=choice.choice(("success", "error", "timeout")),
        )
        for _ in range(count)
    ]


def questions(choice: random.Random) -> list[StatisticsQuestion]:
    """Questions that rollups answer."""
    hours = choice.choice((None, 1, 24))
    where = InteractionFilter(
        workspace_id=1,
        start_us=BASE_US - 2 * _DAY_US,
        end_us=BASE_US + choice.choice((0, 3 * _DAY_US, moment(choice))),
        operations=choice.choice(((), CALLS)),
        provider=choice.choice((None, "openai")),
        model=choice.choice((None, "n")),
        status=choice.choice((None, "error")),
    )
    by: Sequence[Dimension] = choice.choice(((), ("model",), ("provider", "operation"), ("family", "agent", "service")))
    buckets = (None, hours and hours * HOUR_US, choice.choice((60 * SECOND_US, 90 * SECOND_US)))
    return [StatisticsQuestion(where=where, by=by, bucket_us=bucket) for bucket in buckets]


def assert_about_same(found: InteractionStatistics, expected: InteractionStatistics) -> None:
    """All but percentiles are equal, and these as near as is promised."""
    for name in ("latency", "time_to_first_token"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert astuple(one) == pytest.approx(astuple(other), rel=MAX_RELATIVE_ERROR)
    bare = {"latency": None, "time_to_first_token": None}
    assert replace(found, **bare) == replace(expected, **bare)


def span_questions(choice: random.Random, workspace_id: int) -> SpanQuestion:
    """A question for spans over time."""
    return SpanQuestion(
        window=windows(choice, workspace_id),
        step_us=choice.choice((_MINUTE_US, 90 * SECOND_US, HOUR_US, _DAY_US)),
        limit=choice.choice((2, 100)),
        by=choice.choice(((), ("service",), ("operation",), ("service", "operation"))),
        attribute=choice.choice((None, None, "server.address", "service.name")),
        service=choice.choice((None, "a")),
        operation=choice.choice((None, "GET")),
    )


# A group: a service, an operation, and a value.
_Group = tuple[str | None, str | None, str | None]


def span_counts(spans: Sequence[Span], question: SpanQuestion) -> dict[_Group, dict[int, list[Span]]]:
    """The spans of each group, by the start of the step that they are in."""
    found: dict[_Group, dict[int, list[Span]]] = {}
    for one in spans:
        window, at_us, service = question.window, start_us(one), one.resource.service_name
        wanted = question.service in (None, service) and question.operation in (None, one.name)
        if wanted and window.start_us <= at_us < window.end_us:
            value = None
            if question.attribute is not None:
                value = one.attributes.get(question.attribute, one.resource.attributes.get(question.attribute))
            group = (
                service if "service" in question.by else None,
                one.name if "operation" in question.by else None,
                None if value is None else str(value),
            )
            found.setdefault(group, {}).setdefault(at_us - at_us % question.step_us, []).append(one)
    return found


def assert_same_series(found: SpanStatistics, expected: dict[_Group, dict[int, list[Span]]], *, limit: int) -> None:
    """Counts are equal, and percentiles as near as is promised."""
    calls = sorted((sum(map(len, steps.values())) for steps in expected.values()), reverse=True)
    assert [one.total.calls for one in found.series] == calls[:limit]
    assert found.is_cut == (len(expected) > limit)
    for series in found.series:
        steps = expected[series.service, series.operation, series.attribute]
        assert [(at, one.calls) for at, one in series.steps] == [(at, len(ones)) for at, ones in sorted(steps.items())]
        for (_, one), (_, ones) in zip(series.steps, sorted(steps.items()), strict=True):
            other = call_statistics(ones)
            near = pytest.approx((other.p50_ms, other.p95_ms, other.p99_ms), rel=MAX_RELATIVE_ERROR + 1e-9, abs=1e-12)
            assert one.errors == other.errors
            assert (one.p50_ms, one.p95_ms, one.p99_ms) == near
        every = call_statistics([one for ones in steps.values() for one in ones])
        assert (series.total.errors, series.total.calls) == (every.errors, every.calls)
