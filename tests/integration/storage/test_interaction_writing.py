"""Interactions and arrivals on their way to PostgreSQL, in the group of their spans."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from psycopg.rows import namedtuple_row

from storage.postgres.interaction_row import INTERACTION_COLUMNS, as_stored, interaction_of
from storage.postgres.parcel import UNSTORABLE
from storage.postgres.read_pool import configure_reading
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, transaction, until_blocked, value, writing
from tests.support.factory import resent, span, trace_id
from tests.support.interaction import full_interaction, interaction
from tracedata import Batch, Interaction
from tracedata.interaction import SpanReference

_COLUMNS = ", ".join(INTERACTION_COLUMNS)
_ALL = f"SELECT {_COLUMNS} FROM relayscope.ai_interactions ORDER BY start_time, span_id"
_ARRIVALS = "SELECT workspace_id, trace_id FROM relayscope.ai_arrivals ORDER BY arrival_id"
_WAIT = "INSERT INTO relayscope.ai_waiting (workspace_id, trace_id) VALUES (%(workspace)s, %(trace_id)s)"


async def _stored(dsn: str) -> list[Interaction]:
    opened: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(dsn, row_factory=namedtuple_row)
    async with opened as connection:
        await configure_reading(connection)
        cursor = connection.cursor(binary=True)
        await cursor.execute(_ALL.encode())
        return [interaction_of(row) for row in await cursor.fetchall()]


def _batch(*interactions: Interaction, workspace_id: int = 1) -> Batch:
    spans = [span(trace_id=one.trace_id, span_id=one.span_id) for one in interactions]
    return Batch(workspace_id=workspace_id, spans=spans, interactions=interactions)


@pytest.mark.parametrize(
    "one",
    [
        interaction(),
        full_interaction(),
        full_interaction(parameters={"big": 1e22, "tiny": 1e-9, "text": "\\u0000", "bytes": b"\x00"}),
        full_interaction(prompt="a\0b", name="\0", parameters={"k": "\0", "\ud800": 1}),
        full_interaction(session_id="\N{GRINNING FACE}" * 9_000, response_id="r" * 9_000, model_served="m" * 9_000),
        full_interaction(start_time_unix_nano=0),
        full_interaction(start_time_unix_nano=2**64 - 1, end_time_unix_nano=2**64 - 1),
    ],
    ids=["nothing told", "everything told", "numbers", "unstorable", "long", "epoch", "far future"],
)
async def test_an_interaction_comes_back_as_it_is_compared(shared_postgres_dsn: str, one: Interaction) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        assert (await writer.consume(_batch(one))).accepted == 1
    assert await _stored(shared_postgres_dsn) == [as_stored(one)]


async def test_the_table_has_the_columns_of_the_rows_and_numbers_them(postgres_dsn: str) -> None:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = 'relayscope.ai_interactions'::regclass AND attnum > 0"
    assert {name for (name,) in await rows(postgres_dsn, query)} == {*INTERACTION_COLUMNS, "arrival_id"}


async def test_interactions_get_partitions_with_one_numbering(postgres_dsn: str) -> None:
    now = datetime.now(UTC)
    starts = [int((now - timedelta(days=days)).timestamp()) * 10**9 for days in range(4)]
    made = [interaction(start_time_unix_nano=start, end_time_unix_nano=start) for start in starts]
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(_batch(*made))
    query = (
        "SELECT count(DISTINCT tableoid), count(DISTINCT arrival_id), max(arrival_id) FROM relayscope.ai_interactions"
    )
    assert await rows(postgres_dsn, query) == [(4, 4, 4)]
    assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.ai_interactions_default") == 0


async def test_spans_interactions_and_arrivals_are_one_transaction(shared_postgres_dsn: str) -> None:
    one, late = interaction(), trace_id()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(replace(_batch(one), arrivals=[late]))
    assert await rows(shared_postgres_dsn, _ARRIVALS) == [(1, late)]
    query = """
        SELECT count(DISTINCT x) FROM (SELECT xmin::text AS x FROM relayscope.spans
        UNION ALL SELECT xmin::text FROM relayscope.ai_interactions
        UNION ALL SELECT xmin::text FROM relayscope.ai_arrivals) AS all_rows
    """
    assert await value(shared_postgres_dsn, query) == 1


async def test_what_comes_again_makes_no_second_row_and_is_settled(shared_postgres_dsn: str) -> None:
    one, new = interaction(), interaction()
    sent = _batch(one)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(sent)
        again = replace(sent, spans=[resent(span) for span in sent.spans])
        # Rows of the trace may have been settled otherwise since.
        await rows(shared_postgres_dsn, "DELETE FROM relayscope.ai_interactions")
        with_new = replace(again, spans=[*again.spans, *_batch(new).spans], interactions=[one, new])
        assert (await writer.consume(with_new)).accepted == 2
    assert await _stored(shared_postgres_dsn) == []
    arrived = {trace for _, trace in await rows(shared_postgres_dsn, _ARRIVALS)}
    assert arrived == {one.trace_id, new.trace_id}


async def test_a_call_of_two_traces_without_a_response_id_stays_one_beside_what_comes_again(
    shared_postgres_dsn: str,
) -> None:
    first, other = interaction(), trace_id()
    tied = interaction(
        response_id="",
        sources=[SpanReference(trace_id=other, span_id=b"8" * 8, start_time_unix_nano=1, convention="otel")],
    )
    sent = _batch(first)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(sent)
        again = replace(sent, spans=[resent(one) for one in sent.spans])
        # What comes at once is written together.
        await asyncio.gather(*map(writer.consume, [again, _batch(tied), replace(again)]))
    assert {one.trace_id for one in await _stored(shared_postgres_dsn)} == {first.trace_id, tied.trace_id}
    assert await rows(shared_postgres_dsn, _ARRIVALS) == [(1, first.trace_id)] * 2


async def test_a_row_that_the_leader_made_meanwhile_stays(shared_postgres_dsn: str) -> None:
    settled = interaction(name="settled")
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(_batch(settled))
        await rows(shared_postgres_dsn, "DELETE FROM relayscope.spans")
        assert (await writer.consume(_batch(replace(settled, name="of a part")))).accepted == 1
    assert [one.name for one in await _stored(shared_postgres_dsn)] == ["settled"]
    assert await rows(shared_postgres_dsn, _ARRIVALS) == [(1, settled.trace_id)]


async def test_two_workspaces_may_have_the_same_ids(shared_postgres_dsn: str) -> None:
    one = interaction()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(_batch(one))
        await writer.consume(_batch(one, workspace_id=7))
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.ai_interactions") == 2


async def test_a_bad_span_beside_them_leaves_interactions_to_settling(shared_postgres_dsn: str) -> None:
    good, bad = interaction(), interaction()
    sent = _batch(good, bad)
    sent = replace(sent, spans=[sent.spans[0], replace(sent.spans[1], attributes={"k": "a\0b"})], arrivals=[trace_id()])
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        receipt = await writer.consume(sent)
    assert (receipt.accepted, dict(receipt.rejections)) == (1, {UNSTORABLE: 1})
    assert await _stored(shared_postgres_dsn) == []
    arrived = {trace for _, trace in await rows(shared_postgres_dsn, _ARRIVALS)}
    assert arrived == {good.trace_id, bad.trace_id, *sent.arrivals}


@pytest.mark.parametrize("workspace_id", [1, 7], ids=["the same workspace", "another one"])
async def test_a_trace_that_waits_arrives_with_what_comes(shared_postgres_dsn: str, workspace_id: int) -> None:
    waits, other = span(), span()
    await rows(shared_postgres_dsn, _WAIT, {"workspace": 1, "trace_id": waits.trace_id})
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(Batch(workspace_id=workspace_id, spans=[waits, other]))
    wanted = [(1, waits.trace_id)] if workspace_id == 1 else []
    assert await rows(shared_postgres_dsn, _ARRIVALS) == wanted


async def test_a_waiting_trace_arrives_on_every_way(shared_postgres_dsn: str) -> None:
    waits = span()
    await rows(shared_postgres_dsn, _WAIT, {"workspace": 1, "trace_id": waits.trace_id})
    bad = span(trace_id=waits.trace_id, attributes={"k": "a\0b"})
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        for spans in ([waits], [resent(waits)], [bad]):
            await writer.consume(Batch(workspace_id=1, spans=spans))
    assert await rows(shared_postgres_dsn, _ARRIVALS) == [(1, waits.trace_id)] * 3


async def test_nothing_is_kept_of_a_group_whose_arrivals_cannot_be_noted(postgres_dsn: str) -> None:
    sent = replace(_batch(interaction()), arrivals=[trace_id()])
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        async with transaction(postgres_dsn) as blocking:
            await blocking.execute("LOCK TABLE relayscope.ai_arrivals IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.create_task(writer.consume(sent))
            await until_blocked(postgres_dsn)
            assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.spans") == 0
        assert (await waiting).accepted == 1
    assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.ai_arrivals") == 1


async def test_an_interaction_that_no_row_can_hold_keeps_nobody_out(shared_postgres_dsn: str) -> None:
    bad, good = interaction(parameters={"a": object()}), interaction()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        assert (await writer.consume(_batch(bad, good))).accepted == 2
    assert await _stored(shared_postgres_dsn) == [as_stored(good)]
    assert await rows(shared_postgres_dsn, _ARRIVALS) == [(1, bad.trace_id)]
