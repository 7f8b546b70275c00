"""What is answered about stored decisions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from query.path import parse_path_predicate
from storage.decision_reader import DecisionFilter, DecisionStatisticsQuestion, DecisionTraceQuestion
from storage.postgres.decision_reader import PostgresDecisionReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import writing
from tests.support.decision import decision, full_decision
from tests.support.factory import BASE_US, HOUR_US, trace_id
from tests.support.interaction import interaction
from tracedata import Batch, Interaction
from tracedata.decision import Decision, FinalOutcome
from tracedata.interaction import Cost

_SECOND_NS = 1_000_000_000
ALL = DecisionFilter(workspace_id=1, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US)


@pytest.fixture
async def reader(shared_postgres_dsn: str) -> AsyncIterator[PostgresDecisionReader]:
    made = PostgresDecisionReader(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2))
    await made.start()
    yield made
    await made.aclose()


async def put(
    dsn: str, *decisions: Decision, interactions: tuple[Interaction, ...] = (), workspace_id: int = 1
) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=workspace_id, decisions=decisions, interactions=interactions))


def later(seconds: int, **fields: Any) -> Decision:  # noqa: ANN401 - the fields of Decision
    return decision(time_unix_nano=BASE_US * 1_000 + seconds * _SECOND_NS, **fields)


async def test_a_trace_has_its_decisions_in_order(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    trace = trace_id()
    ones = [
        later(0, id="z", trace_id=trace, sequence=1),
        later(0, id="b", trace_id=trace, sequence=2),
        later(0, id="a", trace_id=trace),
        later(1, id="0", trace_id=trace, sequence=0),
    ]
    await put(shared_postgres_dsn, *random.Random(1).sample(ones, len(ones)), later(0))
    found = await reader.trace(1, trace)
    assert found is not None
    assert found.decisions == ones
    assert await reader.trace(2, trace) is None


async def test_everything_that_is_known_comes_back(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    one = full_decision()
    await put(shared_postgres_dsn, one)
    (found,) = (await reader.traces(DecisionTraceQuestion(where=ALL, limit=5))).items
    assert (found.decisions, found.final, found.matched) == ([one], one.final, frozenset({one.id}))


async def test_traces_come_by_their_newest_matching_decision_and_pages_repeat_none(
    shared_postgres_dsn: str, reader: PostgresDecisionReader
) -> None:
    made = random.Random(7)
    traces = [trace_id() for _ in range(12)]
    ones = [
        later(made.randrange(20), id=f"d-{n}", trace_id=made.choice(traces), component=made.choice(["router", "guard"]))
        for n in range(60)
    ]
    await put(shared_postgres_dsn, *ones, later(30, trace_id=b"", component="router"))
    newest: dict[bytes, int] = {}
    for one in ones:
        if one.component == "router":
            newest[one.trace_id] = max(newest.get(one.trace_id, 0), one.time_unix_nano)
    expected = sorted(newest, key=lambda one: (newest[one], one), reverse=True)
    found: list[bytes] = []
    question = DecisionTraceQuestion(where=replace(ALL, component="router"), limit=5)
    while True:
        page = await reader.traces(question)
        found += [item.trace_id for item in page.items]
        assert all(
            {one.id for one in ones if one.trace_id == item.trace_id} == {d.id for d in item.decisions}
            for item in page.items
        )
        if page.cursor is None:
            break
        question = replace(question, after=page.cursor)
    assert found == expected


VALUES: Mapping[str, Any] = {
    "input": {
        "plan": "enterprise",
        "n": 1000,
        "share": 1.5,
        "ok": True,
        "tags": ["gold", {"deep": "x"}],
        "none": None,
        "id": "007",
    },
    "output": {"allow": False, "reason": "Budget EXCEEDED"},
    "attributes": {"decision_trace.policy": "p-1"},
    "reasoning": "The 100% rule_fired",
}


@pytest.mark.parametrize(
    ("path", "matches"),
    [
        ("input.plan=enterprise", True),
        ("input.plan=Enterprise", False),
        ("input.plan!=free", True),
        ("input.plan!=enterprise", False),
        ("input.missing!=x", False),
        ("input.n=1000", True),
        ("input.n=1000.0", True),
        ("input.n>999.5", True),
        ("input.n>1000", False),
        ("input.n>=1000", True),
        ("input.n<1e4", True),
        ("input.n<=999", False),
        ("input.plan>1", False),
        ("input.id=007", True),
        ("input.id=7", False),
        ("input.id>1", False),
        ("input.ok=true", True),
        ("output.allow=false", True),
        ("output.allow=true", False),
        ("input.none=null", True),
        ("input.tags=gold", True),
        ("input.tags!=gold", False),
        ("input.tags.0=gold", True),
        ("input.tags.1.deep=x", True),
        ("output.reason~exceeded", True),
        ("output~budget", True),
        ("output.reason~'; DROP TABLE relayscope.decisions; --", False),
        ('attributes."decision_trace.policy"=p-1', True),
    ],
)
async def test_what_stands_inside_values(
    shared_postgres_dsn: str,
    reader: PostgresDecisionReader,
    path: str,
    matches: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    await put(shared_postgres_dsn, decision(**VALUES), decision(input="text", output=5))
    where = replace(ALL, paths=[parse_path_predicate(path)])
    page = await reader.traces(DecisionTraceQuestion(where=where, limit=5))
    assert len(page.items) == int(matches)


FILTERS: Mapping[str, tuple[dict[str, Any], bool]] = {
    "type": ({"type": "other"}, True),
    "other type": ({"type": "budget_check"}, False),
    "component": ({"component": "spell_checker"}, True),
    "rule id": ({"rule": "r-17"}, True),
    "rule name": ({"rule": "short-prompt-small-model"}, True),
    "other rule": ({"rule": "r-1"}, False),
    "outcome": ({"outcome": "selected"}, True),
    "shadow": ({"is_enforced": False}, True),
    "enforced": ({"is_enforced": True}, False),
    "status": ({"status": "success"}, True),
    "provider": ({"provider": "openai"}, True),
    "model": ({"model": "gpt-4o"}, False),
    "request": ({"request_id": "req-1"}, True),
    "user": ({"user": "user-1"}, True),
    "session": ({"session": "session-1"}, True),
    "organization": ({"organization": "org-2"}, False),
    "service": ({"service": "gateway"}, True),
    "words": ({"words": ["CHEAP", "gpt-4o"]}, True),
    "not all words": ({"words": ["cheap", "absent"]}, False),
    "words are no patterns": ({"words": ["%"]}, False),
    "too early": ({"end_us": BASE_US - 1}, False),
    "too late": ({"start_us": BASE_US + 1}, False),
    "another workspace": ({"workspace_id": 2}, False),
}


@pytest.mark.parametrize(("fields", "matches"), FILTERS.values(), ids=FILTERS.keys())
async def test_filters(
    shared_postgres_dsn: str,
    reader: PostgresDecisionReader,
    fields: dict[str, Any],
    matches: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    await put(shared_postgres_dsn, full_decision())
    page = await reader.traces(DecisionTraceQuestion(where=replace(ALL, **fields), limit=5))
    assert len(page.items) == int(matches)


async def test_the_trace_of_a_request_is_its_newest(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    long = "r" * 900
    old, new = later(0, request_id=long), later(5, request_id=long)
    await put(shared_postgres_dsn, old, new, later(9, request_id="other"))
    assert await reader.trace_of_request(1, long) == new.trace_id
    assert await reader.trace_of_request(2, long) is None


async def test_statistics_agree_with_counting_by_hand(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    traces = [trace_id() for _ in range(4)]
    ones = [
        later(
            n, id=f"d-{n}", trace_id=traces[n % 4], outcome=["allow", "deny"][n % 3 == 0], evaluation_ns=n * 1_000_000
        )
        for n in range(12)
    ]
    ones.append(later(12, id="shadow", trace_id=traces[0], outcome="allow", is_enforced=False))
    calls = (
        interaction(trace_id=traces[0], cost=Cost(amount=0.5)),
        interaction(trace_id=traces[0], cost=Cost(amount=0.25), status="error"),
        interaction(trace_id=traces[1], cost=Cost(amount=2.0, currency="EUR")),
        interaction(trace_id=traces[1], operation="agent", cost=Cost(amount=9.0)),
        interaction(),
    )
    await put(shared_postgres_dsn, *ones, interactions=calls)
    table = await reader.statistics(DecisionStatisticsQuestion(where=ALL, by=("outcome",)))
    counts = Counter(one.outcome for one in ones)
    assert {row.key["outcome"]: row.count for row in table.rows} == counts
    assert table.total == 13
    for row in table.rows:
        mine = [one for one in ones if one.outcome == row.key["outcome"]]
        own = [call for call in calls if call.operation == "chat" and call.trace_id in {one.trace_id for one in mine}]
        assert row.share == len(mine) / 13
        assert row.traces == len({one.trace_id for one in mine})
        assert row.shadow == sum(one.is_enforced is False for one in mine)
        assert row.enforced == row.count - row.shadow
        assert row.evaluated == sum(one.evaluation_ns is not None for one in mine)
        assert (row.downstream.calls, row.downstream.errors) == (len(own), sum(call.status == "error" for call in own))
        assert row.downstream.costs_pico == {"USD": 750 * 10**9, "EUR": 2 * 10**12}
    allowed = next(row for row in table.rows if row.key["outcome"] == "allow")
    assert allowed.evaluation is not None
    assert allowed.evaluation.p50 == 6.0


async def test_statistics_by_time(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    await put(shared_postgres_dsn, *(later(n, id=f"d-{n}") for n in range(4)))
    question = DecisionStatisticsQuestion(where=ALL, by=("type", "rule"), bucket_us=2_000_000, limit=1)
    table = await reader.statistics(question)
    assert table.is_cut
    (row,) = table.rows
    assert row.bucket_us is not None
    assert (row.bucket_us % 2_000_000, row.share, row.key) == (0, 1.0, {"type": "model_selection", "rule": ""})


async def test_what_became_is_what_is_stated(shared_postgres_dsn: str, reader: PostgresDecisionReader) -> None:
    trace = trace_id()
    stated = FinalOutcome(status="blocked", is_stated=True)
    await put(
        shared_postgres_dsn,
        later(0, id="a", trace_id=trace, final=FinalOutcome(model="m", status="success")),
        later(1, id="b", trace_id=trace, final=stated),
    )
    found = await reader.trace(1, trace)
    assert found is not None
    assert found.final == stated
