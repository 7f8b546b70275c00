from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest
from msgspec.structs import replace

from storage.postgres.parcel import UNSTORABLE
from storage.postgres.row import SPAN_COLUMNS
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.database import rows, terminate, transaction, until_blocked, value, writing
from tests.support.factory import SpanFields, batch, full_event, full_link, full_span, merged, resent, resource, span
from tests.support.postgres import Cluster
from tracedata import GroupProbe, Receipt, RetryableError, Scope

_NAME = "relayscope-writer"
_BAD = {"k": "a\0b"}
_COUNT = "SELECT count(*) FROM relayscope.spans"
_LOCK = "LOCK TABLE relayscope.spans IN ACCESS EXCLUSIVE MODE"
_CANARY = "canary.4f1d@example.com"

BAD_ROWS: dict[str, SpanFields] = {
    "span attribute": {"attributes": _BAD},
    "attribute key": {"attributes": {"a\0b": 1}},
    "event attribute": {"events": [replace(full_event(), attributes=_BAD)]},
    "link attribute": {"links": [replace(full_link(), attributes=_BAD)]},
    "status message": {"status_message": "a\0b"},
    "trace state": {"trace_state": "a\0b"},
}
BAD_ENTRIES: dict[str, SpanFields] = {
    "span name": {"name": "a\0b"},
    "resource attribute": {"resource": resource(attributes=_BAD)},
    "service name": {"resource": resource("a\0b")},
    "scope name": {"scope": Scope(name="a\0b")},
}


async def test_batches_that_wait_travel_together(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        receipts = await asyncio.gather(*(writer.consume(batch(span(), span())) for _ in range(50)))
    assert [receipt.accepted for receipt in receipts] == [2] * 50
    assert await value(postgres_dsn, _COUNT) == 100
    assert await value(postgres_dsn, "SELECT count(DISTINCT xmin::text) FROM relayscope.spans") < 10


async def test_a_group_is_bounded(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn, max_group_rows=10)) as writer:
        await asyncio.gather(*(writer.consume(batch(*(span() for _ in range(4)))) for _ in range(20)))
    largest = "SELECT max(n) FROM (SELECT count(*) AS n FROM relayscope.spans GROUP BY xmin::text) AS groups"
    assert await value(postgres_dsn, largest) == 12


@pytest.mark.parametrize("fields", BAD_ROWS.values(), ids=BAD_ROWS.keys())
async def test_an_unstorable_row_rejects_only_itself(shared_postgres_dsn: str, fields: SpanFields) -> None:
    good, bad, neighbour = [full_span() for _ in range(6)], span(**fields), full_span()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        mixed, other = await asyncio.gather(
            writer.consume(batch(*good[:3], bad, *good[3:])), writer.consume(batch(neighbour))
        )
    assert (mixed.accepted, dict(mixed.rejections)) == (6, {UNSTORABLE: 1})
    assert (other.accepted, dict(other.rejections)) == (1, {})
    assert await value(shared_postgres_dsn, _COUNT) == 7


@pytest.mark.parametrize("fields", BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
async def test_an_unstorable_dictionary_entry_rejects_only_its_batch(
    shared_postgres_dsn: str, fields: SpanFields
) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        bad, good = await asyncio.gather(writer.consume(batch(span(**fields))), writer.consume(batch(full_span())))
    assert (bad.accepted, dict(bad.rejections)) == (0, {UNSTORABLE: 1})
    assert (good.accepted, dict(good.rejections)) == (1, {})
    assert await value(shared_postgres_dsn, _COUNT) == 1


async def test_earlier_rejections_of_the_same_class_are_added_to(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        sent = replace(batch(span(), span(attributes=_BAD)), rejections={UNSTORABLE: 2, "other": 1})
        receipt = await writer.consume(sent)
    assert (receipt.accepted, dict(receipt.rejections)) == (1, {UNSTORABLE: 3, "other": 1})


async def test_rejections_count_once_when_the_connection_is_lost_among_them(postgres_dsn: str) -> None:
    stored = full_span()
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(stored))
        async with transaction(postgres_dsn) as blocker:
            # Whoever inserts the same row again has to wait for the end of this transaction.
            await blocker.execute("DELETE FROM relayscope.spans")
            waiting = asyncio.gather(
                writer.consume(batch(span(), span(), span(attributes=_BAD))), writer.consume(batch(resent(stored)))
            )
            await until_blocked(postgres_dsn)
            assert await terminate(postgres_dsn, _NAME) == 1
        mixed, redelivered = await waiting
    assert (mixed.accepted, dict(mixed.rejections)) == (2, {UNSTORABLE: 1})
    assert redelivered.accepted == 1
    assert await value(postgres_dsn, _COUNT) == 3


async def test_a_connection_lost_between_writes_is_not_noticed(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(span()))
        assert await terminate(postgres_dsn, _NAME) == 1
        assert (await writer.consume(batch(span()))).accepted == 1
    assert await value(postgres_dsn, _COUNT) == 2


async def test_a_connection_lost_during_a_write_repeats_it(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(span()))
        async with transaction(postgres_dsn) as blocker:
            await blocker.execute(_LOCK)
            waiting = asyncio.create_task(writer.consume(batch(full_span(), full_span())))
            await until_blocked(postgres_dsn)
            assert await terminate(postgres_dsn, _NAME) == 1
        assert (await waiting).accepted == 2
    assert await value(postgres_dsn, _COUNT) == 3


async def test_an_unreachable_database_is_retryable_and_keeps_its_password(caplog: pytest.LogCaptureFixture) -> None:
    config = WriterConfig(dsn=f"postgresql://user:{_CANARY.replace('@', '%40')}@127.0.0.1:1/none", connect_timeout_s=2)
    async with writing(config) as writer:
        with pytest.raises(RetryableError) as refused:
            await writer.consume(batch(span()))
    assert "canary" not in str(refused.value) + caplog.text


async def test_a_full_queue_of_rows_is_refused_as_retryable(postgres_dsn: str) -> None:
    await _overload(WriterConfig(dsn=postgres_dsn, max_queued_rows=3))


async def test_a_full_queue_of_bytes_is_refused_as_retryable(postgres_dsn: str) -> None:
    await _overload(WriterConfig(dsn=postgres_dsn, max_queued_bytes=100))


async def _overload(config: WriterConfig) -> None:
    async with writing(config) as writer:
        async with transaction(config.dsn) as blocker:
            await blocker.execute(_LOCK)
            under_way = asyncio.create_task(writer.consume(batch(span())))
            await until_blocked(config.dsn)
            # Tasks start in the order in which they were made, so the first of these takes the last place.
            rest = asyncio.gather(
                *(writer.consume(batch(*(span() for _ in range(4)))) for _ in range(2)), return_exceptions=True
            )
        queued, refused = await rest
        assert (await under_way).accepted == 1
        assert queued == Receipt(accepted=4)
        assert isinstance(refused, RetryableError)
        assert "full" in str(refused)
        assert (await writer.consume(batch(span()))).accepted == 1


async def test_a_sender_that_leaves_takes_nobody_with_it(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        async with transaction(postgres_dsn) as blocker:
            await blocker.execute(_LOCK)
            leaving = asyncio.create_task(writer.consume(batch(span())))
            staying = asyncio.create_task(writer.consume(batch(span())))
            await until_blocked(postgres_dsn)
            leaving.cancel()
        assert (await staying).accepted == 1
        with pytest.raises(asyncio.CancelledError):
            await leaving
    assert await value(postgres_dsn, _COUNT) == 2


async def test_two_writers_redeliver_in_opposite_order(postgres_dsn: str) -> None:
    sent = [full_span() for _ in range(300)]
    config = WriterConfig(dsn=postgres_dsn)
    async with writing(config) as one, writing(config) as other:
        for _ in range(5):
            receipts = await asyncio.gather(
                one.consume(batch(*map(resent, sent))), other.consume(batch(*map(resent, reversed(sent))))
            )
            assert [receipt.accepted for receipt in receipts] == [300, 300]
    assert await value(postgres_dsn, _COUNT) == 300


async def test_closing_commits_what_was_handed_over(postgres_dsn: str) -> None:
    writer = PostgresSpanWriter(WriterConfig(dsn=postgres_dsn, max_group_rows=1))
    await writer.start()
    sent = [asyncio.create_task(writer.consume(batch(span()))) for _ in range(10)]
    await asyncio.sleep(0)
    await writer.aclose()
    assert [(await one).accepted for one in sent] == [1] * 10
    assert await value(postgres_dsn, _COUNT) == 10
    assert await terminate(postgres_dsn, _NAME) == 0
    await writer.aclose()


async def test_a_closed_writer_refuses_as_retryable(shared_postgres_dsn: str) -> None:
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn))
    with pytest.raises(RetryableError):
        await writer.consume(batch(span()))
    await writer.aclose()
    with pytest.raises(RetryableError):
        await writer.consume(batch(span()))


async def test_no_value_reaches_a_log_or_a_message(
    postgres_dsn: str, postgres_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    before = len(postgres_cluster.log())
    telling = full_span(name=_CANARY, attributes={_CANARY: _CANARY}, resource=resource(_CANARY))
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(telling))
        await writer.consume(batch(resent(telling)))
        for fields in (*BAD_ROWS.values(), *BAD_ENTRIES.values()):
            receipt = await writer.consume(
                batch(span(**merged({"name": _CANARY, "attributes": {"k": _CANARY}}, fields)))
            )
            assert receipt.rejected == 1
        nul = {"k": f"{_CANARY}\0{_CANARY}"}
        await writer.consume(batch(span(attributes=nul)))
        await writer.consume(batch(span(resource=resource(attributes=nul))))
    written = postgres_cluster.log()[before:]
    assert "duplicate key" in written
    assert "unsupported Unicode escape sequence" in written
    assert "canary" not in written + caplog.text


async def test_the_columns_of_a_row_are_those_of_the_table(shared_postgres_dsn: str) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'relayscope' AND table_name = 'spans'"
    )
    assert {name for (name,) in await rows(shared_postgres_dsn, query)} == set(SPAN_COLUMNS)
    assert len(set(SPAN_COLUMNS)) == len(SPAN_COLUMNS)


class _Indiscreet:
    """Instruments that break their promise not to raise, with data in their words."""

    def queued(self, *, rows: int, size: int) -> None:
        """Nobody listens."""

    def origin(self) -> object | None:
        return None

    def group(self, *, rows: int, origins: Sequence[object]) -> AbstractContextManager[GroupProbe]:
        raise ValueError(_CANARY, rows, origins)


async def test_an_unforeseen_error_is_logged_by_its_place(
    shared_postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    writer = PostgresSpanWriter(WriterConfig(dsn=shared_postgres_dsn), instruments=_Indiscreet())
    await writer.start()
    with pytest.raises(RetryableError, match="internal error"):
        await writer.consume(batch(span()))
    await writer.aclose()
    assert "ValueError" in caplog.text
    assert "_write_observed" in caplog.text
    assert "canary" not in caplog.text
