"""Interactions and costs of what is stored, made anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from msgspec.structs import replace

from storage.interaction import Period, Reprocessed, ReprocessProgress
from storage.postgres.evidence import Bounds
from storage.postgres.interaction_row import as_stored
from storage.postgres.product import INTERACTIONS, Difference
from storage.postgres.repricing import RepriceConfig, StoredRepricing
from storage.postgres.reprocessing import ReprocessConfig, StoredReprocessing
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, writing
from tests.support.factory import BASE_US, SECOND_US, resource, span, trace_id
from tests.support.interaction import full_interaction
from tests.support.settling import MapInteractions, only_interactions, settle, stored_interactions
from tests.support.simple_mapper import ANSWER, CALL, POISON, RESPONSE, TOKENS, processed, simple_interactions
from tracedata import Attributes, Batch, Interaction, LogRecord, Scope, Span
from tracedata.interaction import NO_COST, Cost, Usage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = _EPOCH + timedelta(microseconds=BASE_US)
_ALL = Period(since=_START - timedelta(days=400), until=_START + timedelta(days=400))
_DAY_US = 86_400 * SECOND_US


class _StopError(Exception):
    """Ends a run in the middle."""


def _call(day: int = 0, more: Attributes = MappingProxyType({})) -> Span:
    return span(at_us=day * _DAY_US, attributes={CALL: 1, **more})


async def _write(dsn: str, *spans: Span, records: Sequence[LogRecord] = (), workspace_id: int = 1) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(processed(Batch(workspace_id=workspace_id, spans=spans, log_records=records)))


def newer(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Interaction]:
    """The same mapper, which has learned something."""
    return [replace(one, agent="new", mapper_version=2) for one in simple_interactions(spans, records)]


def stricter(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Interaction]:
    """The same mapper, to which a call without tokens is none any more."""
    return [one for one in simple_interactions(spans, records) if one.usage.input is not None]


async def _run(
    dsn: str,
    map_all: MapInteractions,
    *,
    period: Period = _ALL,
    dry_run: bool = False,
    page_rows: int = 2_000,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    seen: list[ReprocessProgress] | None = None,
) -> Reprocessed:
    run = StoredReprocessing(
        ReprocessConfig(dsn=dsn, page_rows=page_rows, bounds=bounds), lambda _: only_interactions(map_all)
    )
    return await run.reprocess(period, dry_run=dry_run, on_progress=None if seen is None else seen.append)


def _counts(done: Reprocessed) -> tuple[int, int, int, int]:
    return done.traces, done.interactions.added, done.interactions.removed, done.interactions.changed


async def test_nothing_changes_when_the_mapper_is_the_same(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, *(_call(day) for day in range(3)))
    before = await rows(shared_postgres_dsn, "SELECT xmin::text, ctid::text FROM relayscope.ai_interactions")
    assert _counts(await _run(shared_postgres_dsn, simple_interactions)) == (3, 0, 0, 0)
    assert await rows(shared_postgres_dsn, "SELECT xmin::text, ctid::text FROM relayscope.ai_interactions") == before


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry", "for real"])
async def test_what_the_mapper_has_learned_is_told_by_field(shared_postgres_dsn: str, dry_run: bool) -> None:  # noqa: FBT001 - a parameter of the test
    calls = [_call(day) for day in range(3)]
    await _write(shared_postgres_dsn, *calls)
    done = await _run(shared_postgres_dsn, newer, dry_run=dry_run)
    assert _counts(done) == (3, 0, 0, 3)
    assert done.interactions.fields == {"agent": 3, "mapper_version": 3}
    assert done.is_dry_run is dry_run
    agents = {one.agent for one in await stored_interactions(shared_postgres_dsn)}
    assert agents == ({""} if dry_run else {"new"})
    assert _counts(await _run(shared_postgres_dsn, newer)) == (3, 0, 0, 3 if dry_run else 0)


async def test_rows_come_and_go(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _call(), _call(), _call(more={TOKENS: 1}))
    assert _counts(await _run(shared_postgres_dsn, stricter)) == (3, 0, 2, 0)
    assert len(await stored_interactions(shared_postgres_dsn)) == 1
    assert _counts(await _run(shared_postgres_dsn, simple_interactions)) == (3, 2, 0, 0)
    assert len(await stored_interactions(shared_postgres_dsn)) == 3


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry", "for real"])
async def test_a_call_of_two_traces_is_told_of_once(shared_postgres_dsn: str, dry_run: bool) -> None:  # noqa: FBT001 - a parameter of the test
    await _write(shared_postgres_dsn, _call(more={RESPONSE: "r"}))
    await _write(shared_postgres_dsn, _call(more={RESPONSE: "r"}))
    done = await _run(shared_postgres_dsn, simple_interactions, dry_run=dry_run, page_rows=1)
    assert _counts(done) == (2, 0, 1, 1)
    assert len(await stored_interactions(shared_postgres_dsn)) == (2 if dry_run else 1)


async def test_only_traces_that_begin_in_the_period_are_made_anew(shared_postgres_dsn: str) -> None:
    calls = [_call(day) for day in range(4)]
    await _write(shared_postgres_dsn, *calls)
    period = Period(since=_START + timedelta(days=1), until=_START + timedelta(days=3))
    assert _counts(await _run(shared_postgres_dsn, newer, period=period)) == (2, 0, 0, 2)
    found = {one.span_id: one.agent for one in await stored_interactions(shared_postgres_dsn)}
    assert [found[one.span_id] for one in calls] == ["", "new", "new", ""]


@pytest.mark.parametrize("page_rows", [1, 3, 2_000])
async def test_a_trace_that_spans_pages_and_days_is_done_once(shared_postgres_dsn: str, page_rows: int) -> None:
    trace = trace_id()
    spans = [replace(_call(day), trace_id=trace) for day in (0, 0, 1, 2)]
    await _write(shared_postgres_dsn, *spans, _call(1))
    done = await _run(shared_postgres_dsn, newer, page_rows=page_rows)
    assert _counts(done) == (2, 0, 0, 5)
    assert done.interactions.total == 5


async def test_log_records_without_spans_and_other_workspaces_are_made_anew_too(shared_postgres_dsn: str) -> None:
    of = _call()
    told = LogRecord(
        resource=resource(),
        scope=Scope(),
        trace_id=trace_id(),
        span_id=of.span_id,
        time_unix_nano=of.start_time_unix_nano,
        attributes={ANSWER: "yes"},
    )
    await _write(shared_postgres_dsn, records=[told])
    await _write(shared_postgres_dsn, of, workspace_id=7)
    await settle(shared_postgres_dsn)
    assert _counts(await _run(shared_postgres_dsn, newer)) == (2, 0, 0, 2)


async def test_what_cannot_be_made_stays_and_is_counted(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        spans = [_call(more={POISON: "x"}), _call(), *(replace(_call(), trace_id=bytes(16)) for _ in range(9))]
        await writer.consume(Batch(workspace_id=1, spans=spans))
    done = await _run(shared_postgres_dsn, simple_interactions, bounds=Bounds(rows=8))
    assert (done.traces, done.interactions.added, done.failed, done.oversized) == (3, 1, 1, 1)


async def test_a_run_that_is_stopped_leaves_what_was_done(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, *(_call(day) for day in range(4)))
    seen: list[ReprocessProgress] = []

    class Stopping(list[ReprocessProgress]):
        def append(self, progress: ReprocessProgress) -> None:
            seen.append(progress)
            if progress.traces == 2:
                raise _StopError

    with pytest.raises(_StopError):
        await _run(shared_postgres_dsn, newer, seen=Stopping())
    assert sorted(one.agent for one in await stored_interactions(shared_postgres_dsn)) == ["", "", "new", "new"]
    rest = await _run(shared_postgres_dsn, newer, period=replace(_ALL, since=seen[-1].done_until))
    assert rest.interactions.changed == 2


_OTHERS = """
    SELECT 'spans', xmin::text, ctid::text FROM relayscope.spans
    UNION ALL SELECT 'resources', xmin::text, ctid::text FROM relayscope.resources
    UNION ALL SELECT 'operations', xmin::text, ctid::text FROM relayscope.operations
    UNION ALL SELECT 'arrivals', xmin::text, ctid::text FROM relayscope.ai_arrivals
    UNION ALL SELECT 'waiting', xmin::text, ctid::text FROM relayscope.ai_waiting
"""


async def test_nothing_else_is_touched(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _call(), span())
    before = await rows(shared_postgres_dsn, _OTHERS)
    await _run(shared_postgres_dsn, newer)
    assert await rows(shared_postgres_dsn, _OTHERS) == before


async def _priced(dsn: str, *interactions: Interaction) -> None:
    spans = [span(trace_id=one.trace_id, span_id=one.span_id) for one in interactions]
    async with writing(WriterConfig(dsn=dsn)) as writer:
        await writer.consume(Batch(workspace_id=1, spans=spans, interactions=interactions))


def _price(one: Interaction) -> Cost:
    """A dollar a token of gpt; nobody knows what others cost; what was reported stays."""
    if one.cost.source.startswith("reported:"):
        return one.cost
    if not one.model.startswith("gpt") or one.usage.total is None:
        return NO_COST
    return Cost(amount=float(one.usage.total), source="computed:2", computed=float(one.usage.total), price="openai/gpt")


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry", "for real"])
async def test_costs_are_computed_anew(shared_postgres_dsn: str, dry_run: bool) -> None:  # noqa: FBT001 - a parameter of the test
    old = Cost(amount=0.5, source="computed:1", computed=0.5)
    known = full_interaction(cost=old, usage=Usage(input=3, output=4))
    reported = full_interaction(cost=Cost(amount=2.0, currency="EUR", source="reported:llm.cost"))
    unmapped = [full_interaction(model_served="", model_requested="mystery", cost=NO_COST, usage=Usage(input=5))] * 1
    agent = full_interaction(operation="agent", cost=NO_COST, usage=Usage())
    await _priced(shared_postgres_dsn, known, reported, *unmapped, agent)
    run = StoredRepricing(RepriceConfig(dsn=shared_postgres_dsn, page_rows=1), lambda _: _price)
    done = await run.reprice(_ALL, dry_run=dry_run)
    assert (done.interactions, done.changed) == (3, 1)
    assert [(one.currency, one.before, one.after) for one in done.totals] == [("EUR", 2.0, 2.0), ("USD", 0.5, 7.0)]
    assert [(one.provider, one.model, one.calls, one.tokens) for one in done.unmapped] == [("openai", "mystery", 1, 5)]
    found = {one.span_id: one for one in await stored_interactions(shared_postgres_dsn)}
    wanted = known if dry_run else replace(known, cost=_price(known))
    assert found[known.span_id] == as_stored(wanted)
    assert found[reported.span_id] == as_stored(reported)


def test_a_difference_is_counted_by_rows() -> None:
    assert Difference(product=INTERACTIONS, added=[full_interaction()], removed=[full_interaction()]).rows == 2
