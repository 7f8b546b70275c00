"""Log records in the group commit, beside spans. What is true of groups in general is shown with spans."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from storage.postgres.connection import connect
from storage.postgres.log_row import LOG_RECORD_COLUMNS
from storage.postgres.parcel import LOG_RECORD_TABLE, UNSTORABLE
from storage.postgres.partition import LOG_RECORDS, Upkeep, keep_ahead
from storage.postgres.retention import Retention
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import (
    LogRecordFields,
    batch,
    full_log_record,
    full_span,
    log_batch,
    log_record,
    resent,
    resource,
    span,
)
from tracedata import Batch, LogRecord, Scope, Span

_BAD = {"k": "a\0b"}
_SPANS = "SELECT count(*) FROM relayscope.spans"
_LOGS = "SELECT count(*) FROM relayscope.log_records"
_PLACES = """
    SELECT c.relname, count(*) FROM relayscope.log_records AS r JOIN pg_class AS c ON c.oid = r.tableoid GROUP BY 1
"""
_NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)

BAD_ROWS: dict[str, LogRecordFields] = {
    "body": {"body": "a\0b"},
    "nested body": {"body": [{"a\0b": 1}]},
    "attribute": {"attributes": _BAD},
    "event name": {"event_name": "a\0b"},
    "severity text": {"severity_text": "a\0b"},
}
BAD_ENTRIES: dict[str, LogRecordFields] = {
    "resource attribute": {"resource": resource(attributes=_BAD)},
    "service name": {"resource": resource("a\0b")},
    "scope name": {"scope": Scope(name="a\0b")},
}


def _both(spans: list[Span], records: list[LogRecord]) -> Batch:
    return replace(batch(*spans), log_records=records)


def _at(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


async def test_spans_and_log_records_travel_in_one_transaction(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        receipt = await writer.consume(_both([span(), span()], [log_record()]))
    assert receipt.accepted == 3
    same = "SELECT (SELECT xmin::text FROM relayscope.log_records) = ALL (SELECT xmin::text FROM relayscope.spans)"
    assert await value(postgres_dsn, same)


async def test_a_group_that_came_before_is_stored_once(shared_postgres_dsn: str) -> None:
    one, record = full_span(), full_log_record()
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(_both([one], [record]))
        again = await writer.consume(_both([resent(one), span()], [replace(record), log_record()]))
        other = await writer.consume(_both([resent(one)], [log_record()]))
        third = await writer.consume(_both([span()], [replace(record)]))
    assert [receipt.accepted for receipt in (again, other, third)] == [4, 2, 2]
    assert (await value(shared_postgres_dsn, _SPANS), await value(shared_postgres_dsn, _LOGS)) == (3, 3)


async def test_a_record_that_was_redacted_more_is_the_same_one(shared_postgres_dsn: str) -> None:
    record = log_record(body="<EMAIL_ADDRESS>")
    told = replace(record, redactions={"EMAIL_ADDRESS": 1}, redacted_keys={"body": {"EMAIL_ADDRESS": 1}})
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(log_batch(record))
        await writer.consume(log_batch(told))
    assert await value(shared_postgres_dsn, _LOGS) == 1


@pytest.mark.parametrize("fields", BAD_ROWS.values(), ids=BAD_ROWS.keys())
async def test_an_unstorable_record_rejects_only_itself(shared_postgres_dsn: str, fields: LogRecordFields) -> None:
    good = [full_log_record() for _ in range(6)]
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        mixed, other = await asyncio.gather(
            writer.consume(_both([span(), span()], [*good[:3], log_record(**fields), *good[3:]])),
            writer.consume(log_batch(log_record())),
        )
    assert (mixed.accepted, dict(mixed.rejections)) == (8, {UNSTORABLE: 1})
    assert (other.accepted, dict(other.rejections)) == (1, {})
    assert (await value(shared_postgres_dsn, _SPANS), await value(shared_postgres_dsn, _LOGS)) == (2, 7)


async def test_an_unstorable_span_leaves_records_alone(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        mixed = await writer.consume(_both([span(), span(attributes=_BAD)], [log_record()]))
    assert (mixed.accepted, dict(mixed.rejections)) == (2, {UNSTORABLE: 1})
    assert (await value(shared_postgres_dsn, _SPANS), await value(shared_postgres_dsn, _LOGS)) == (1, 1)


@pytest.mark.parametrize("fields", BAD_ENTRIES.values(), ids=BAD_ENTRIES.keys())
async def test_an_unstorable_dictionary_entry_rejects_only_its_batch(
    shared_postgres_dsn: str, fields: LogRecordFields
) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        bad, good = await asyncio.gather(
            writer.consume(_both([span()], [log_record(**fields)])), writer.consume(log_batch(log_record()))
        )
    assert (bad.accepted, dict(bad.rejections)) == (0, {UNSTORABLE: 2})
    assert (good.accepted, dict(good.rejections)) == (1, {})


async def test_every_time_has_its_partition(shared_postgres_dsn: str) -> None:
    moments = [_at(_NOON), _at(_NOON - timedelta(days=3)), 0, 2**64 - 1]
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(log_batch(*(log_record(time_unix_nano=moment) for moment in moments)))
    assert dict(await rows(shared_postgres_dsn, _PLACES)) == {
        f"log_records_{_NOON:%Y%m%d}": 1,
        f"log_records_{_NOON - timedelta(days=3):%Y%m%d}": 1,
        "log_records_past": 1,
        "log_records_future": 1,
    }


async def test_what_waits_in_the_default_partition_moves_to_its_own(shared_postgres_dsn: str) -> None:
    # Further ahead than writers make partitions, until its time comes.
    later = _NOON + timedelta(days=5)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(log_batch(log_record(time_unix_nano=_at(later))))
    assert dict(await rows(shared_postgres_dsn, _PLACES)) == {"log_records_default": 1}
    async with await connect(shared_postgres_dsn, autocommit=True) as connection:
        await keep_ahead(connection, Upkeep(ahead=0), signal=LOG_RECORDS, now=later)
    assert dict(await rows(shared_postgres_dsn, _PLACES)) == {f"log_records_{later:%Y%m%d}": 1}


async def test_records_go_by_the_period_of_their_own(shared_postgres_dsn: str) -> None:
    old, new = _at(_NOON - timedelta(days=10)), _at(_NOON)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(
            _both(
                [span(start_time_unix_nano=old, end_time_unix_nano=old)],
                [log_record(time_unix_nano=old), log_record(time_unix_nano=1), log_record(time_unix_nano=new)],
            )
        )
    periods = {"log_records": timedelta(weeks=1)}
    (removal,) = await Retention(shared_postgres_dsn, periods, clock=lambda: _NOON).apply()
    assert (removal.signal, removal.rows, removal.operations) == ("log_records", 1, 0)
    assert list(removal.dropped) == [f"log_records_{_NOON - timedelta(days=10):%Y%m%d}"]
    assert (await value(shared_postgres_dsn, _SPANS), await value(shared_postgres_dsn, _LOGS)) == (1, 1)


async def test_the_columns_are_those_of_the_table(shared_postgres_dsn: str) -> None:
    query = "SELECT attname::text FROM pg_attribute WHERE attrelid = 'relayscope.log_records'::regclass AND attnum > 0"
    assert {name for (name,) in await rows(shared_postgres_dsn, query)} == set(LOG_RECORD_COLUMNS)
    assert len(set(LOG_RECORD_COLUMNS)) == len(LOG_RECORD_COLUMNS)


async def test_the_identity_is_that_of_the_unique_index(shared_postgres_dsn: str) -> None:
    query = """
        SELECT a.attname::text FROM pg_index AS i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE i.indrelid = 'relayscope.log_records'::regclass AND i.indisunique ORDER BY k.place
    """
    assert tuple(name for (name,) in await rows(shared_postgres_dsn, query)) == LOG_RECORD_TABLE.identity
