from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from storage.postgres.reader import ReaderConfig
from storage.postgres.row import COPY_HEADER, COPY_TRAILER, SPAN_COLUMNS, encode_row, origin_of
from storage.postgres.writer import WriterConfig
from tests.support.canonical import same_spans
from tests.support.database import reading, rows, transaction, value, writing
from tests.support.factory import MAX_UINT64, batch, full_span, trace_id
from tracedata import Span

_DAY_NS = 86_400_000_000_000
_PLACES = """
    SELECT c.relname, count(*) FROM relayscope.spans AS s JOIN pg_class AS c ON c.oid = s.tableoid GROUP BY 1 ORDER BY 1
"""
_DEFAULT = "spans_default"


def _partition(moment_ns: int) -> str:
    return f"spans_{datetime.fromtimestamp(moment_ns // 10**9, tz=UTC):%Y%m%d}"


def _at(moment_ns: int, shared: bytes | None = None) -> Span:
    return full_span(
        trace_id=shared or trace_id(), start_time_unix_nano=moment_ns, end_time_unix_nano=min(moment_ns + 9, MAX_UINT64)
    )


def _days(offset: float) -> int:
    return time.time_ns() + int(offset * _DAY_NS)


async def _insert_directly(dsn: str, spans: Sequence[Span]) -> None:
    """As a writer of which the clock was wrong, so that it made no partition."""
    data = b"".join(encode_row(one, origin_of(one.resource, one.scope, workspace_id=1)) for one in spans)
    async with await psycopg.AsyncConnection.connect(dsn) as connection, connection.cursor() as cursor:
        columns = sql.SQL(", ").join(map(sql.Identifier, SPAN_COLUMNS))
        async with cursor.copy(sql.SQL("COPY relayscope.spans ({}) FROM STDIN BINARY").format(columns)) as copy:
            await copy.write(COPY_HEADER + data + COPY_TRAILER)


@pytest.mark.parametrize("offset", [-80.0, -1.0, 0.0, 0.5], ids=["long ago", "yesterday", "now", "soon"])
async def test_a_day_gets_its_partition_with_its_first_span(shared_postgres_dsn: str, offset: float) -> None:
    moment = _days(offset)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        for _ in range(2):
            await writer.consume(batch(_at(moment)))
    assert await rows(shared_postgres_dsn, _PLACES) == [(_partition(moment), 2)]


@pytest.mark.parametrize(
    ("moment", "place"),
    [
        (0, "spans_past"),
        (1, "spans_past"),
        (_days(-120), "spans_past"),
        (_days(3), _DEFAULT),
        (2**63 - 1, "spans_future"),
        (MAX_UINT64, "spans_future"),
    ],
    ids=["zero", "first nanosecond", "last year", "in some days", "largest int", "the last time there is"],
)
async def test_absurd_times_make_no_partition(shared_postgres_dsn: str, moment: int, place: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(_at(moment)))
    assert await rows(shared_postgres_dsn, _PLACES) == [(place, 1)]


async def test_a_batch_over_midnight_fills_two_partitions(shared_postgres_dsn: str) -> None:
    midnight = _days(0) // _DAY_NS * _DAY_NS
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(_at(midnight - 1), _at(midnight)))
    assert await rows(shared_postgres_dsn, _PLACES) == [(_partition(midnight - 1), 1), (_partition(midnight), 1)]


async def test_two_writers_make_the_same_partitions_at_once(shared_postgres_dsn: str) -> None:
    moments = [_days(-offset) for offset in range(6)]
    config = WriterConfig(dsn=shared_postgres_dsn)
    async with writing(config) as one, writing(config) as other:
        receipts = await asyncio.gather(
            *(one.consume(batch(_at(moment))) for moment in moments),
            *(other.consume(batch(_at(moment))) for moment in reversed(moments)),
        )
    assert [receipt.accepted for receipt in receipts] == [1] * 12
    expected = sorted((_partition(moment), 2) for moment in moments)
    assert await rows(shared_postgres_dsn, _PLACES) == expected


async def test_spans_in_the_default_partition_move_when_theirs_is_made(shared_postgres_dsn: str) -> None:
    shared, now = trace_id(), _days(0)
    early, stranger, late = _at(now, shared), _at(0, shared), _at(now + 1, shared)
    # The dictionary entries of the direct ones come with a redelivery.
    await _insert_directly(shared_postgres_dsn, [early, stranger])
    assert await rows(shared_postgres_dsn, _PLACES) == [(_DEFAULT, 1), ("spans_past", 1)]
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        assert (await writer.consume(batch(late, early, stranger))).accepted == 3
    assert await rows(shared_postgres_dsn, _PLACES) == [(_partition(now), 2), ("spans_past", 1)]
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await reader.get_traces(1, [shared])
    assert same_spans(found[shared], [early, stranger, late])


async def test_a_long_query_keeps_no_writer_and_the_partition_is_made_after_it(shared_postgres_dsn: str) -> None:
    now = _days(0)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        async with transaction(shared_postgres_dsn) as question:
            await question.execute("SELECT count(*) FROM relayscope.spans")
            assert (await writer.consume(batch(_at(now)))).accepted == 1
            assert await rows(shared_postgres_dsn, _PLACES) == [(_DEFAULT, 1)]
        # As once the pause is over.
        writer._partitions._resume_at.clear()
        assert (await writer.consume(batch(_at(now)))).accepted == 1
    assert await rows(shared_postgres_dsn, _PLACES) == [(_partition(now), 2)]


async def test_partitions_have_every_index_and_meet_without_gap(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(_at(_days(0)), _at(_days(-1))))
    per_partition = """
        SELECT DISTINCT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_inherits AS p ON p.inhrelid = i.indrelid
        WHERE p.inhparent = 'relayscope.spans'::regclass AND c.relispartition GROUP BY i.indrelid
    """
    whole = "SELECT count(*) FROM pg_index WHERE indrelid = 'relayscope.spans'::regclass"
    assert await value(shared_postgres_dsn, per_partition) == await value(shared_postgres_dsn, whole)
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert await value(shared_postgres_dsn, invalid) == 0


async def test_the_partition_is_found_whatever_the_time_zone_of_the_session(shared_postgres_dsn: str) -> None:
    zoned = f"{shared_postgres_dsn}&options=-c%20timezone%3DPacific/Kiritimati"
    midnight = _days(0) // _DAY_NS * _DAY_NS
    async with writing(WriterConfig(dsn=zoned)) as writer:
        await writer.consume(batch(_at(midnight), _at(midnight - 1)))
    assert await rows(zoned, _PLACES) == [(_partition(midnight - 1), 1), (_partition(midnight), 1)]
