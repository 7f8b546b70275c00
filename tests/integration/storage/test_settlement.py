"""Traces that come in parts, more than once, in any order, by two writers: their interactions are those of the whole."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from storage.derivation import Relevance
from storage.postgres.arrival import wake_waiting
from storage.postgres.evidence import Bounds
from storage.postgres.interaction_row import as_stored, encode_interaction
from storage.postgres.parcel import INTERACTION_TABLE, SPAN_TABLE, Parcel
from storage.postgres.settlement import Settlement, SettlementConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, terminate, transaction, until, until_blocked, value, writing
from tests.support.delivery import Delivery, assert_same, deliver, deliveries
from tests.support.factory import BASE_US, SECOND_US, resent, resource, span, span_id, trace_id, workspace
from tests.support.settling import only_interactions, settle, settling, stored_interactions
from tests.support.simple_mapper import ANSWER, CALL, POISON, RESPONSE, TOKENS, USER, processed, simple_interactions
from tracedata import Batch, Interaction, LogRecord, Scope, Span, Value

_CANARY = "canary.4f1d@example.com"
_ARRIVALS = "SELECT count(*) FROM relayscope.ai_arrivals"
_WAITING = "SELECT trace_id FROM relayscope.ai_waiting"


def record(of: Span, answer: str = "forty-two", **fields: Any) -> LogRecord:  # noqa: ANN401 - the fields of LogRecord
    """A log record that tells the answer of a call."""
    made = LogRecord(
        resource=resource("logs"),
        scope=Scope(name="tests.events"),
        trace_id=of.trace_id,
        span_id=of.span_id,
        time_unix_nano=of.start_time_unix_nano,
        event_name="gen_ai.choice",
        body={"content": answer},
        attributes={ANSWER: answer},
    )
    return replace(made, **fields)


def chain(*attributes: Mapping[str, Value], trace: bytes | None = None) -> list[Span]:
    """Spans below one another, the root first."""
    trace = trace or trace_id()
    spans: list[Span] = []
    for number, own in enumerate(attributes):
        parent = spans[-1].span_id if spans else b""
        spans.append(span(trace_id=trace, parent_span_id=parent, attributes=own, at_us=number, name=f"span {number}"))
    return spans


def batch(spans: Sequence[Span] = (), records: Sequence[LogRecord] = (), workspace_id: int = 1) -> Batch:
    """What the pipeline hands to a writer."""
    return processed(Batch(workspace_id=workspace_id, spans=spans, log_records=records))


async def write(dsn: str, *batches: Batch) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for one in batches:
            await writer.consume(one)


def whole(spans: Sequence[Span], records: Sequence[LogRecord] = ()) -> list[Interaction]:
    """What everything at once makes, as it is stored."""
    made = map(as_stored, simple_interactions(spans, records))
    return sorted(made, key=lambda one: (one.trace_id, one.span_id))


async def test_a_part_without_its_root_is_settled_when_that_comes(shared_postgres_dsn: str) -> None:
    spans = chain({USER: "u-1"}, {CALL: 1}, {CALL: 1, TOKENS: 7})
    await write(shared_postgres_dsn, batch(spans[1:]))
    await settle(shared_postgres_dsn)
    assert [one.user_id for one in await stored_interactions(shared_postgres_dsn)] == [""]
    assert await rows(shared_postgres_dsn, _WAITING) == [(spans[0].trace_id,)]
    await write(shared_postgres_dsn, batch(spans[:1]))
    await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole(spans)
    assert await rows(shared_postgres_dsn, _WAITING) == []
    assert await value(shared_postgres_dsn, _ARRIVALS) == 0


@pytest.mark.parametrize("is_log_first", [True, False], ids=["log record first", "span first"])
async def test_log_records_join_their_span_whichever_comes_first(shared_postgres_dsn: str, is_log_first: bool) -> None:  # noqa: FBT001 - a parameter of the test
    spans = chain({}, {CALL: 1})
    told = record(spans[1])
    parts = [batch((), [told]), batch(spans)]
    for part in parts if is_log_first else reversed(parts):
        await write(shared_postgres_dsn, part)
        await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole(spans, [told])
    assert await rows(shared_postgres_dsn, _WAITING) == []


async def test_log_records_alone_are_a_call(shared_postgres_dsn: str) -> None:
    told = record(span())
    await write(shared_postgres_dsn, batch((), [told]))
    await settle(shared_postgres_dsn)
    assert [one.response for one in await stored_interactions(shared_postgres_dsn)] == ["forty-two"]


async def test_log_records_are_read_as_they_came(shared_postgres_dsn: str) -> None:
    sent = [
        record(span(), time_unix_nano=0, observed_time_unix_nano=BASE_US * 1_000 + 7),
        record(span(), observed_time_unix_nano=BASE_US * 1_000 + 9, severity_number=9, severity_text="INFO", flags=1),
        record(span(), body={"a": [1, 2.0, b"\x01"]}, dropped_attributes_count=3, event_name=""),
    ]
    seen: dict[bytes, LogRecord] = {}

    def remember(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Interaction]:
        seen.update({one.trace_id: one for one in records})
        return simple_interactions(spans, records)

    await write(shared_postgres_dsn, batch((), sent))
    await settle(shared_postgres_dsn, remember)
    assert seen == {one.trace_id: one for one in sent}


async def test_a_call_that_two_traces_tell_of_is_one(shared_postgres_dsn: str) -> None:
    framework, native = chain({}, {CALL: 1, RESPONSE: "r-1", TOKENS: 7}), chain({CALL: 1, RESPONSE: "r-1", USER: "u"})
    await write(shared_postgres_dsn, batch(framework), batch(native))
    assert len(await stored_interactions(shared_postgres_dsn)) == 2
    await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole([*framework, *native])


async def test_a_call_that_two_parts_of_a_trace_tell_of_is_one(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    parts = [chain({CALL: 1, RESPONSE: "r-1"}, trace=trace) for _ in range(2)]
    await write(shared_postgres_dsn, *map(batch, parts))
    await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole([*parts[0], *parts[1]])


async def test_what_another_trace_told_stays_when_the_first_is_settled_again(shared_postgres_dsn: str) -> None:
    framework, native = chain({}, {CALL: 1, RESPONSE: "r-1"}), chain({CALL: 1, RESPONSE: "r-1", USER: "u"})
    await write(shared_postgres_dsn, batch(framework), batch(native))
    await settle(shared_postgres_dsn)
    told = record(framework[1])
    await write(shared_postgres_dsn, batch((), [told]))
    await settle(shared_postgres_dsn)
    found = await stored_interactions(shared_postgres_dsn)
    assert found == whole([*framework, *native], [told])
    assert found[0].user_id == "u"


async def test_a_response_id_that_everybody_has_joins_nobody(shared_postgres_dsn: str) -> None:
    traces = [chain({CALL: 1, RESPONSE: "chatcmpl-123"}) for _ in range(30)]
    await write(shared_postgres_dsn, *(batch(spans) for spans in traces))
    count = await settle(shared_postgres_dsn)
    assert len(await stored_interactions(shared_postgres_dsn)) == 30
    assert count.changed == 0


async def test_the_same_response_id_days_apart_is_another_call(shared_postgres_dsn: str) -> None:
    traces = [[span(attributes={CALL: 1, RESPONSE: "r-1"}, at_us=day * 86_400 * SECOND_US)] for day in (0, 2)]
    await write(shared_postgres_dsn, *(batch(spans) for spans in traces))
    await settle(shared_postgres_dsn)
    assert len(await stored_interactions(shared_postgres_dsn)) == 2


async def test_workspaces_share_no_calls(shared_postgres_dsn: str) -> None:
    spans = chain({CALL: 1, RESPONSE: "r-1"})
    other = chain({CALL: 1, RESPONSE: "r-1", USER: "u"})
    await write(shared_postgres_dsn, batch(spans), batch(other, workspace_id=7))
    await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole(spans)
    assert await stored_interactions(shared_postgres_dsn, 7) == whole(other)


async def test_rows_that_say_the_same_stay(shared_postgres_dsn: str) -> None:
    spans = chain({USER: "u"}, {CALL: 1, RESPONSE: "r-1"})
    await write(shared_postgres_dsn, batch(spans))
    before = await rows(shared_postgres_dsn, "SELECT arrival_id, xmin::text FROM relayscope.ai_interactions")
    await write(shared_postgres_dsn, batch([resent(one) for one in spans]))
    count = await settle(shared_postgres_dsn)
    assert (count.traces, count.changed) == (1, 0)
    assert await rows(shared_postgres_dsn, "SELECT arrival_id, xmin::text FROM relayscope.ai_interactions") == before


async def test_a_redelivered_part_does_not_bring_back_what_was_merged(shared_postgres_dsn: str) -> None:
    spans = chain({}, {CALL: 1}, {CALL: 1, TOKENS: 7})
    first = batch(spans[:2])
    await write(shared_postgres_dsn, first, batch(spans[2:]))
    await settle(shared_postgres_dsn)
    await write(shared_postgres_dsn, replace(first, spans=[resent(one) for one in first.spans]))
    assert await stored_interactions(shared_postgres_dsn) == whole(spans)
    await settle(shared_postgres_dsn)
    assert await stored_interactions(shared_postgres_dsn) == whole(spans)


async def test_a_trace_that_the_mapper_cannot_take_harms_no_neighbour(
    shared_postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = chain({CALL: 1}, {CALL: 1}), chain({CALL: 1}, {CALL: 1, POISON: _CANARY})
    arrivals = [good[0].trace_id, bad[0].trace_id]
    await write(shared_postgres_dsn, Batch(workspace_id=1, spans=[*good, *bad], arrivals=arrivals))
    with caplog.at_level(logging.INFO):
        count = await settle(shared_postgres_dsn)
    assert (count.failed, count.traces) == (1, 1)
    assert await stored_interactions(shared_postgres_dsn) == whole(good)
    assert await value(shared_postgres_dsn, _ARRIVALS) == 0
    assert "ValueError" in caplog.text
    assert _CANARY not in caplog.text


BROKEN: Mapping[str, dict[str, Any]] = {
    "no operation": {"operation": None},
    "a version below all": {"mapper_version": -(2**20)},
    "an id that is none": {"trace_id": "text"},
}


@pytest.mark.parametrize("fields", BROKEN.values(), ids=BROKEN.keys())
async def test_what_no_row_can_hold_harms_no_neighbour(shared_postgres_dsn: str, fields: dict[str, Any]) -> None:
    good, bad = chain({CALL: 1}, {CALL: 1}), chain({CALL: 1}, {CALL: 1})

    def broken(spans: Sequence[Span], records: Sequence[LogRecord]) -> Sequence[Interaction]:
        made = simple_interactions(spans, records)
        return [replace(one, **fields) if one.trace_id == bad[0].trace_id else one for one in made]

    await write(shared_postgres_dsn, batch(good[1:]), batch(bad[1:]))
    count = await settle(shared_postgres_dsn, broken)
    assert count.failed >= 1
    assert await stored_interactions(shared_postgres_dsn) == whole(good[1:])
    assert await value(shared_postgres_dsn, _ARRIVALS) == 0


_REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'numeric_value_out_of_range';
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON relayscope.ai_interactions
    FOR EACH ROW WHEN (NEW.user_id = 'bad') EXECUTE FUNCTION refuse();
"""


async def test_a_row_that_postgresql_refuses_harms_no_neighbour(postgres_dsn: str) -> None:
    good = [chain({CALL: 1}, {CALL: 1}) for _ in range(3)]
    bad = chain({CALL: 1}, {CALL: 1, USER: "bad"})
    await rows(postgres_dsn, _REFUSE)
    await write(postgres_dsn, *(batch(spans[1:]) for spans in (good[0], bad, *good[1:])))
    count = await settle(postgres_dsn)
    assert count.failed == 1
    assert len(await stored_interactions(postgres_dsn)) == 3
    assert await value(postgres_dsn, _ARRIVALS) == 0


@pytest.mark.parametrize("bounds", [Bounds(rows=10), Bounds(size=3_000)], ids=["spans", "bytes"])
async def test_a_trace_that_is_too_large_is_left_and_harms_no_neighbour(
    shared_postgres_dsn: str, bounds: Bounds
) -> None:
    attributes: Mapping[str, Value] = {CALL: 1, "x": "x" * 300}
    large = chain(*[attributes] * 12)
    small = [chain({CALL: 1}, {CALL: 1}) for _ in range(4)]
    await write(shared_postgres_dsn, batch(large[1:]), *(batch(spans[1:]) for spans in small))
    async with settling(shared_postgres_dsn, bounds=bounds) as (connection, settler, count):
        while await settler.round(connection):
            pass
    assert count.oversized == 1
    assert len(await stored_interactions(shared_postgres_dsn)) == 4
    assert await value(shared_postgres_dsn, _ARRIVALS) == 0


async def test_a_growing_trace_that_is_too_large_is_not_read_all_the_time(shared_postgres_dsn: str) -> None:
    spans = chain({}, {}, {CALL: 1}, {CALL: 1})
    async with settling(shared_postgres_dsn, bounds=Bounds(rows=1)) as (connection, settler, count):
        for part in (spans[1:3], spans[3:]):
            await write(shared_postgres_dsn, batch(part))
            await settler.round(connection)
        assert count.oversized == 1
        # It is not forgotten.
        assert await value(shared_postgres_dsn, _ARRIVALS) == 1


_RELEVANCE = Relevance(span=lambda span: CALL in span.attributes, log_record=lambda record: ANSWER in record.attributes)


@pytest.mark.parametrize("bounds", [Bounds(rows=10), Bounds(size=4_000)], ids=["spans", "bytes"])
async def test_of_a_trace_that_is_too_large_what_tells_of_ai_is_settled(
    shared_postgres_dsn: str, bounds: Bounds
) -> None:
    spans = chain({"x": "x" * 300}, {USER: "u"}, {}, {CALL: 1}, {CALL: 1, TOKENS: 7})
    others = [
        replace(one, parent_span_id=spans[0].span_id, trace_id=spans[0].trace_id)
        for one in chain(*[{"x": "x" * 300}] * 250)
    ]
    named = replace(span(parent_span_id=others[7].span_id), trace_id=spans[0].trace_id)
    told = [record(spans[3]), record(named, "yes"), *(record(spans[0], attributes={"n": n}) for n in range(20))]
    await write(shared_postgres_dsn, batch([*others[100:], *spans[1:]]), batch([*others[:100], named], told))
    async with settling(shared_postgres_dsn, bounds=bounds, relevance=_RELEVANCE) as (connection, settler, count):
        while await settler.settle_arrivals(connection, patiently=False):
            pass
        assert await rows(shared_postgres_dsn, _WAITING) == [(spans[0].trace_id,)]
        await write(shared_postgres_dsn, batch(spans[:1]))
        while await settler.settle_arrivals(connection, patiently=False):
            pass
    assert count.oversized == 0
    assert await stored_interactions(shared_postgres_dsn) == whole([*spans, *others, named], told)
    assert await rows(shared_postgres_dsn, _WAITING) == []


async def test_a_growing_trace_is_not_read_all_the_time(shared_postgres_dsn: str) -> None:
    trace = trace_id()
    many = [span(trace_id=trace, parent_span_id=span_id()) for _ in range(1_500)]
    await write(shared_postgres_dsn, replace(batch(many), arrivals=[trace]))
    async with settling(shared_postgres_dsn) as (connection, settler, count):
        assert await settler.settle_arrivals(connection)
        await write(shared_postgres_dsn, replace(batch([span(trace_id=trace)]), arrivals=[trace]))
        assert not await settler.settle_arrivals(connection)
        assert await settler.settle_arrivals(connection, patiently=False)
    assert count.traces == 2


async def test_what_has_waited_for_a_day_is_forgotten(shared_postgres_dsn: str) -> None:
    query = "INSERT INTO relayscope.ai_waiting VALUES (1, %(id)s, now() - %(age)s * interval '1 hour')"
    old, young = trace_id(), trace_id()
    for one, age in ((old, 25), (young, 23)):
        await rows(shared_postgres_dsn, query, {"id": one, "age": age})
    await settle(shared_postgres_dsn)
    assert await rows(shared_postgres_dsn, _WAITING) == [(young,)]


async def test_a_writer_that_did_not_see_that_a_trace_waits_is_noticed(postgres_dsn: str) -> None:
    spans = chain({USER: "u"}, {CALL: 1})
    await write(postgres_dsn, batch(spans[1:]))
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer, transaction(postgres_dsn) as blocking:
        # The writer has looked at what waits, and cannot commit yet.
        await blocking.execute("LOCK TABLE relayscope.ai_arrivals IN ACCESS EXCLUSIVE MODE")
        late = asyncio.create_task(writer.consume(replace(batch(spans[:1]), arrivals=[trace_id()])))
        await until_blocked(postgres_dsn)
        await blocking.rollback()
        await late
    async with settling(postgres_dsn) as (connection, settler, _):
        while await settler.round(connection):
            pass
    assert await stored_interactions(postgres_dsn) == whole(spans)


async def test_what_two_writers_store_at_the_same_moment_is_settled_soon(postgres_dsn: str) -> None:
    spans = chain({USER: "u"}, {CALL: 1})
    leader = Settlement(SettlementConfig(dsn=postgres_dsn), lambda _: only_interactions(simple_interactions))
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer, transaction(postgres_dsn) as late:
        await SPAN_TABLE.copy(late, Parcel(batch(spans[:1]), chunk=1, origin=None).rows[SPAN_TABLE])
        # Nothing waits yet, so whoever stores the root notes no arrival.
        await wake_waiting(late, {1: {spans[0].trace_id}})
        await writer.consume(batch(spans[1:]))
        await leader.start()
        await until(lambda: _is_settled(postgres_dsn))
        await late.commit()
    began = time.monotonic()
    await until(lambda: _has_user(postgres_dsn))
    await leader.aclose()
    assert time.monotonic() - began < 4
    assert await stored_interactions(postgres_dsn) == whole(spans)


async def test_what_still_waits_is_looked_at_twice_more(shared_postgres_dsn: str) -> None:
    spans = chain({USER: "u"}, {CALL: 1})
    await write(shared_postgres_dsn, batch(spans[1:]))
    async with settling(shared_postgres_dsn, recheck_s=30.0) as (connection, settler, count):
        while await settler.round(connection):
            pass
        assert count.traces == 2
        pending = "SELECT recheck_at - since = interval '30 seconds' FROM relayscope.ai_waiting"
        assert await rows(shared_postgres_dsn, pending) == [(True,)]
        await rows(shared_postgres_dsn, "UPDATE relayscope.ai_waiting SET since = since - interval '40 seconds'")
        await rows(
            shared_postgres_dsn, "UPDATE relayscope.ai_waiting SET recheck_at = recheck_at - interval '40 seconds'"
        )
        while await settler.round(connection):
            pass
    assert count.traces == 3
    assert await rows(shared_postgres_dsn, "SELECT recheck_at FROM relayscope.ai_waiting") == [(None,)]


async def test_rows_of_a_transaction_that_commits_late_are_compared_too(postgres_dsn: str) -> None:
    one, other, third = (chain({CALL: 1, RESPONSE: name}) for name in ("r-1", "r-1", "r-2"))
    row = encode_interaction(simple_interactions(one, ())[0], workspace_id=1)
    async with settling(postgres_dsn) as (connection, settler, _):
        await write(postgres_dsn, replace(batch(one), interactions=()))
        async with transaction(postgres_dsn) as late:
            # Nobody sees it yet, and its number is lower than those that follow.
            await INTERACTION_TABLE.copy(late, [row])
            await write(postgres_dsn, batch(other), batch(third))
            for _ in range(5):
                await settler.round(connection)
            assert len(await stored_interactions(postgres_dsn)) == 2
            await late.commit()
        for _ in range(3):
            await settler.round(connection)
    assert await stored_interactions(postgres_dsn) == whole([*one, *other, *third])


async def test_a_new_leader_goes_on_where_the_last_one_was(shared_postgres_dsn: str) -> None:
    await write(shared_postgres_dsn, *(batch(chain({CALL: 1, RESPONSE: f"r-{n}"})) for n in range(5)))
    async with settling(shared_postgres_dsn) as (connection, settler, _):
        for _ in range(4):
            await settler.round(connection)
    newest = await value(shared_postgres_dsn, "SELECT max(arrival_id) FROM relayscope.ai_interactions")
    assert await value(shared_postgres_dsn, "SELECT arrival_id FROM relayscope.ai_progress") == newest
    one, other = chain({CALL: 1, RESPONSE: "r"}), chain({CALL: 1, RESPONSE: "r"})
    await write(shared_postgres_dsn, batch(one), batch(other))
    await settle(shared_postgres_dsn)
    assert len(await stored_interactions(shared_postgres_dsn)) == 6


async def test_a_leader_that_is_killed_while_it_settles_leaves_everything_to_the_next(postgres_dsn: str) -> None:
    spans = chain({USER: "u"}, {CALL: 1})
    await write(postgres_dsn, batch(spans[1:]), batch(spans[:1]))
    config = SettlementConfig(dsn=postgres_dsn, retry_s=0.01, poll_s=0.01)
    settlement = Settlement(config, lambda _: only_interactions(simple_interactions))
    async with transaction(postgres_dsn) as blocking:
        await blocking.execute("LOCK TABLE relayscope.ai_interactions IN EXCLUSIVE MODE")
        await settlement.start()
        await until_blocked(postgres_dsn, config.application_name)
        assert await terminate(postgres_dsn, config.application_name) == 1
        assert await value(postgres_dsn, _ARRIVALS) == 1
    try:
        await until(lambda: _is_settled(postgres_dsn))
    finally:
        await settlement.aclose()
    assert await stored_interactions(postgres_dsn) == whole(spans)


async def test_two_processes_settle_as_one(postgres_dsn: str) -> None:
    config = SettlementConfig(dsn=postgres_dsn, retry_s=0.01, poll_s=0.01)
    both = [Settlement(config, lambda _: only_interactions(simple_interactions)) for _ in range(2)]
    for one in both:
        await one.start()
    spans = chain({USER: "u"}, {CALL: 1})
    await write(postgres_dsn, batch(spans[1:]), batch(spans[:1]))
    await until(lambda: _is_settled(postgres_dsn))
    assert sorted(one.is_leader for one in both) == [False, True]
    for one in both:
        await one.aclose()
        await one.aclose()
        assert not one.is_leader
    assert await stored_interactions(postgres_dsn) == whole(spans)


@pytest.mark.parametrize("has_leader", [True, False], ids=["while another process leads", "alone"])
async def test_draining_settles_what_there_is(postgres_dsn: str, has_leader: bool) -> None:  # noqa: FBT001 - a parameter of the test
    spans = chain({USER: "u"}, {CALL: 1})
    config = SettlementConfig(dsn=postgres_dsn, poll_s=0.01)
    leader = Settlement(config, lambda _: only_interactions(simple_interactions))
    if has_leader:
        await leader.start()
    await write(postgres_dsn, batch(spans[1:]), batch(spans[:1]))
    await Settlement(config, lambda _: only_interactions(simple_interactions)).drain()
    assert await value(postgres_dsn, _ARRIVALS) == 0
    if has_leader:
        # It may have read the call before its parent was committed: then it looks at the trace once more, soon.
        await until(lambda: _has_user(postgres_dsn))
    assert await stored_interactions(postgres_dsn) == whole(spans)
    await leader.aclose()


async def _has_user(dsn: str) -> bool:
    return bool(await value(dsn, "SELECT count(*) FROM relayscope.ai_interactions WHERE user_id = 'u'"))


async def _is_settled(dsn: str) -> bool:
    return await value(dsn, _ARRIVALS) == 0 and bool(
        await value(dsn, "SELECT count(*) FROM relayscope.ai_interactions")
    )


_ATTRIBUTES: st.SearchStrategy[Mapping[str, Value]] = st.fixed_dictionaries(
    {},
    optional={
        CALL: st.just(1),
        USER: st.sampled_from(["u-1", "u-2"]),
        RESPONSE: st.sampled_from(["r-1", "r-2", "r-3"]),
        TOKENS: st.integers(0, 5),
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(delivery=deliveries(_ATTRIBUTES, record), is_settled_meanwhile=st.booleans())
def test_however_traces_come_their_interactions_are_those_of_the_whole(
    shared_postgres_dsn: str,
    delivery: Delivery,
    is_settled_meanwhile: bool,  # noqa: FBT001 - drawn
) -> None:
    workspace_id = workspace()

    async def play() -> list[Interaction]:
        config = SettlementConfig(dsn=shared_postgres_dsn, poll_s=0.001, retry_s=0.001, soon_s=0.0, recheck_s=0.0)
        leader = Settlement(config, lambda _: only_interactions(simple_interactions))
        if is_settled_meanwhile:
            await leader.start()
        await deliver(shared_postgres_dsn, workspace_id, delivery, processed)
        await leader.aclose()
        await settle(shared_postgres_dsn)
        return await stored_interactions(shared_postgres_dsn, workspace_id)

    assert_same(asyncio.run(play()), whole(delivery.spans, delivery.records), delivery)
