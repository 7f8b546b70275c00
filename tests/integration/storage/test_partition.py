from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from storage.postgres.partition import AI_INTERACTIONS, NS_PER_HOUR, SPANS, Partitions, Upkeep, Width, keep_ahead
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.row import SPAN_COLUMNS, encode_row, origin_of
from storage.postgres.settlement import settling_connection
from storage.postgres.table import COPY_HEADER, COPY_TRAILER
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
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


async def test_the_connection_that_settles_makes_partitions_too(shared_postgres_dsn: str) -> None:
    hour = int(datetime.now(UTC).timestamp() * 1e9) // NS_PER_HOUR - 5 * 24
    async with settling_connection(shared_postgres_dsn, connect_timeout_s=5, application_name="test") as connection:
        await Partitions(AI_INTERACTIONS, width="day").ensure(connection, [hour])
    query: LiteralString = (
        "SELECT count(*) FROM relayscope.partitions WHERE signal = 'ai_interactions' AND NOT is_default"
    )
    assert await value(shared_postgres_dsn, query) == 3


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
        writer._partitions[SPANS]._resume_at.clear()
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


_BOUNDS = """
    SELECT name FROM relayscope.partitions
    WHERE signal = 'spans' AND NOT is_default AND isfinite(from_time) AND isfinite(to_time) ORDER BY from_time
"""
_NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


async def _names(dsn: str) -> list[str]:
    return [name for (name,) in await rows(dsn, _BOUNDS)]


async def _write_at(dsn: str, *moments: datetime, width: Width) -> None:
    async with writing(WriterConfig(dsn=dsn, partition_width=width)) as writer:
        for moment in moments:
            assert (await writer.consume(batch(_at(_ns(moment))))).accepted == 1


async def _keep_ahead(dsn: str, upkeep: Upkeep, *, now: datetime) -> int:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        return await keep_ahead(connection, upkeep, signal=SPANS, now=now)


async def test_an_hour_gets_its_partition_with_its_first_span(shared_postgres_dsn: str) -> None:
    await _write_at(shared_postgres_dsn, _NOON, _NOON - timedelta(hours=1), width="hour")
    assert await rows(shared_postgres_dsn, _PLACES) == [
        (f"spans_{_NOON:%Y%m%d}_11", 1),
        (f"spans_{_NOON:%Y%m%d}_12", 1),
    ]


async def test_a_day_stays_when_the_width_becomes_an_hour(shared_postgres_dsn: str) -> None:
    yesterday = _NOON - timedelta(days=1)
    await _write_at(shared_postgres_dsn, yesterday, width="day")
    await _write_at(shared_postgres_dsn, yesterday, yesterday - timedelta(days=1), width="hour")
    assert await _names(shared_postgres_dsn) == [
        f"spans_{yesterday - timedelta(days=1):%Y%m%d}_12",
        f"spans_{yesterday:%Y%m%d}",
    ]


async def test_hours_stay_when_the_width_becomes_a_day(shared_postgres_dsn: str) -> None:
    """The rest of the day is covered around them, and every span of it finds a place."""
    yesterday = _NOON - timedelta(days=1)
    await _write_at(shared_postgres_dsn, yesterday, yesterday - timedelta(hours=5), width="hour")
    moments = [yesterday.replace(hour=hour) for hour in range(24)]
    await _write_at(shared_postgres_dsn, *moments, width="day")
    day = f"spans_{yesterday:%Y%m%d}"
    assert await rows(shared_postgres_dsn, _PLACES) == [
        (f"{day}_00", 7),
        (f"{day}_07", 2),
        (f"{day}_08", 4),
        (f"{day}_12", 2),
        (f"{day}_13", 11),
    ]


async def test_partitions_are_made_ahead_once(shared_postgres_dsn: str) -> None:
    upkeep = Upkeep(width="day", ahead=2)
    assert await _keep_ahead(shared_postgres_dsn, upkeep, now=_NOON) == 3
    assert await _keep_ahead(shared_postgres_dsn, upkeep, now=_NOON) == 0
    assert await _keep_ahead(shared_postgres_dsn, upkeep, now=_NOON + timedelta(days=1)) == 1
    assert await _names(shared_postgres_dsn) == [f"spans_{_NOON + timedelta(days=day):%Y%m%d}" for day in range(4)]


async def test_hours_are_made_ahead_of_what_a_day_covers(shared_postgres_dsn: str) -> None:
    await _keep_ahead(shared_postgres_dsn, Upkeep(width="day", ahead=1), now=_NOON - timedelta(days=1))
    late = _NOON.replace(hour=23)
    assert await _keep_ahead(shared_postgres_dsn, Upkeep(width="hour", ahead=2), now=late) == 2
    tomorrow = f"spans_{_NOON + timedelta(days=1):%Y%m%d}"
    assert (await _names(shared_postgres_dsn))[1:] == [f"spans_{_NOON:%Y%m%d}", f"{tomorrow}_00", f"{tomorrow}_01"]


async def test_spans_that_wait_in_the_default_partition_get_theirs(shared_postgres_dsn: str) -> None:
    soon = _NOON + timedelta(days=3)
    await _write_at(shared_postgres_dsn, soon, width="day")
    await _insert_directly(shared_postgres_dsn, [_at(_ns(_NOON - timedelta(days=day))) for day in (20, 40)])
    assert await rows(shared_postgres_dsn, _PLACES) == [(_DEFAULT, 3)]
    await _keep_ahead(shared_postgres_dsn, Upkeep(ahead=1), now=_NOON)
    assert dict(await rows(shared_postgres_dsn, _PLACES)) == {
        _DEFAULT: 1,
        f"spans_{_NOON - timedelta(days=20):%Y%m%d}": 1,
        f"spans_{_NOON - timedelta(days=40):%Y%m%d}": 1,
    }
    # Its time has come.
    await _keep_ahead(shared_postgres_dsn, Upkeep(ahead=1), now=soon)
    assert (f"spans_{soon:%Y%m%d}", 1) in await rows(shared_postgres_dsn, _PLACES)


async def test_a_table_that_was_detached_keeps_no_writer(shared_postgres_dsn: str) -> None:
    await _write_at(shared_postgres_dsn, _NOON, width="day")
    name = f"spans_{_NOON:%Y%m%d}"
    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn) as connection:
        await connection.execute(
            sql.SQL("ALTER TABLE relayscope.spans DETACH PARTITION relayscope.{}").format(sql.Identifier(name))
        )
    await _write_at(shared_postgres_dsn, _NOON, width="day")
    assert await rows(shared_postgres_dsn, _PLACES) == [(_DEFAULT, 1)]
    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn) as connection:
        await connection.execute(sql.SQL("DROP TABLE relayscope.{}").format(sql.Identifier(name)))


@pytest.mark.parametrize("width", ["hour", "day"])
async def test_nothing_is_lost_while_partitions_are_made_under_writers(shared_postgres_dsn: str, width: Width) -> None:
    """Writers that know of no partition fill the default one, while it is emptied time by time."""
    moments = [_ns(_NOON - timedelta(hours=hour)) for hour in range(0, 30, 2)]
    sent: list[bytes] = []
    is_done = asyncio.Event()

    async def write(writer: PostgresSpanWriter) -> None:
        while not is_done.is_set():
            spans = [_at(moment) for moment in moments]
            assert (await writer.consume(batch(*spans))).accepted == len(spans)
            sent.extend(one.trace_id for one in spans)

    config = WriterConfig(dsn=shared_postgres_dsn, partition_width=width)
    async with writing(config) as one, writing(config) as other, asyncio.TaskGroup() as group:
        for writer in (one, other):
            # As a writer that may not make any now: everything goes to the default partition.
            writer._partitions[SPANS].ensure = _ensure_nothing  # type: ignore[method-assign]
            group.create_task(write(writer))
        for hour in range(0, 30, 2):
            moment = _NOON - timedelta(hours=hour)
            await _keep_ahead_of_one(shared_postgres_dsn, moment, width=width)
        is_done.set()
    stored = await rows(shared_postgres_dsn, "SELECT trace_id FROM relayscope.spans")
    assert sorted(bytes(row[0]) for row in stored) == sorted(sent)
    assert _DEFAULT not in dict(await rows(shared_postgres_dsn, _PLACES))


async def _ensure_nothing(connection: psycopg.AsyncConnection, hours: Iterable[int]) -> None:
    pass


async def _keep_ahead_of_one(dsn: str, moment: datetime, *, width: Width) -> None:
    while True:
        with contextlib.suppress(psycopg.errors.LockNotAvailable, psycopg.errors.CheckViolation):
            await _keep_ahead(dsn, Upkeep(width=width, ahead=0), now=moment)
            return


_SKEWED: dict[str, int] = {
    "the epoch": 0,
    "before all partitions": _days(-1000),
    "long ago": _days(-40),
    "a minute ahead": _days(0) + 60 * 10**9,
    "a week ahead": _days(7),
    "a year ahead": _days(365),
    "the last time there is": MAX_UINT64 - 9,
}


@pytest.mark.parametrize("width", ["hour", "day"])
async def test_clock_skew_changes_nothing_that_is_stored(shared_postgres_dsn: str, width: Width) -> None:
    spans = {name: _at(moment) for name, moment in _SKEWED.items()}
    async with writing(WriterConfig(dsn=shared_postgres_dsn, partition_width=width)) as writer:
        assert (await writer.consume(batch(*spans.values()))).accepted == len(spans)
    await _keep_ahead(shared_postgres_dsn, Upkeep(width=width), now=_NOON)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await reader.get_traces(1, [one.trace_id for one in spans.values()])
    different = [name for name, one in spans.items() if not same_spans(found[one.trace_id], [one])]
    assert different == []


@pytest.mark.parametrize("width", ["hour", "day"])
async def test_a_window_within_partitions_reads_those_alone(shared_postgres_dsn: str, width: Width) -> None:
    await _keep_ahead(shared_postgres_dsn, Upkeep(width=width, ahead=4), now=_NOON)
    plan = await rows(
        shared_postgres_dsn,
        "EXPLAIN SELECT * FROM relayscope.spans WHERE start_time >= %(start)s AND start_time < %(end)s",
        {"start": _NOON + timedelta(minutes=1), "end": _NOON + timedelta(minutes=2)},
    )
    name = f"spans_{_NOON:%Y%m%d}" + ("_12" if width == "hour" else "")
    text = "\n".join(line for (line,) in plan)
    assert re.findall(r" on (spans_\w+) spans", text) == [name]
