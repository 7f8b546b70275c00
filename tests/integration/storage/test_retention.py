from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from storage.postgres.partition import SPANS, Upkeep, Width, keep_ahead
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.retention import Retention, remove, survey
from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from storage.retention import Removal, StoredPartition
from tests.support.canonical import same_spans
from tests.support.database import reading, rows, transaction, until_blocked, value, writing
from tests.support.factory import batch, span
from tracedata import PermanentError, RetryableError, Span

_NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
_IDS = "SELECT trace_id FROM relayscope.spans"
_OPERATIONS = "SELECT name FROM relayscope.operations ORDER BY 1"


def _ago(days: float, *, name: str = "GET /cart") -> Span:
    start = int((_NOON - timedelta(days=days)).timestamp()) * 10**9
    return span(name=name, start_time_unix_nano=start, end_time_unix_nano=start + 5)


def _day(days: int) -> str:
    return f"spans_{_NOON - timedelta(days=days):%Y%m%d}"


async def _write(dsn: str, *spans: Span, width: Width = "day") -> None:
    async with writing(WriterConfig(dsn=dsn, partition_width=width)) as writer:
        assert (await writer.consume(batch(*spans))).accepted == len(spans)


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


async def _remove(dsn: str, *, days: float, application_name: str = "retention") -> Removal:
    async with await psycopg.AsyncConnection.connect(
        dsn, autocommit=True, application_name=application_name
    ) as connection:
        return await remove(connection, signal=SPANS, cutoff=_NOON - timedelta(days=days), pause=_at_once)


async def _survey(dsn: str, *, days: float | None) -> dict[str, StoredPartition]:
    cutoff = None if days is None else _NOON - timedelta(days=days)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        found = await survey(connection, signal=SPANS, cutoff=cutoff)
    return {partition.name: partition for partition in found.partitions}


async def _stored(dsn: str) -> list[bytes]:
    return sorted(bytes(row[0]) for row in await rows(dsn, _IDS))


def _ids(spans: Sequence[Span]) -> list[bytes]:
    return sorted(one.trace_id for one in spans)


async def test_a_survey_says_what_is_there_and_what_would_go(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _ago(200), _ago(10), _ago(9), _ago(5), _ago(-4))
    await rows(shared_postgres_dsn, "ANALYZE relayscope.spans")
    found = await _survey(shared_postgres_dsn, days=8)
    assert list(found) == ["spans_past", _day(10), _day(9), _day(5), "spans_future", "spans_default"]
    assert [name for name, partition in found.items() if partition.expires] == [_day(10), _day(9)]
    assert [partition.rows for partition in found.values()] == [1, 1, 1, 1, 0, 1]
    assert {
        name: partition.expired_rows for name, partition in found.items() if partition.expired_rows is not None
    } == {
        "spans_past": 1,
        "spans_default": 0,
    }
    assert found[_day(9)].end == (_NOON - timedelta(days=8)).replace(hour=0)
    assert found["spans_past"].start is None
    assert found["spans_future"].end is None
    assert all(partition.bytes > 0 for partition in found.values())
    assert len(await _stored(shared_postgres_dsn)) == 5


async def test_a_survey_without_a_period_expires_nothing(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _ago(200), _ago(10))
    found = await _survey(shared_postgres_dsn, days=None)
    assert not any(partition.expires or partition.expired_rows for partition in found.values())


@pytest.mark.parametrize("width", ["hour", "day"])
async def test_what_is_too_old_goes_and_the_rest_stays_as_it_was(shared_postgres_dsn: str, width: Width) -> None:
    old = [_ago(300), _ago(100), _ago(40), _ago(5), _ago(4.2)]
    young = [_ago(2), _ago(1), _ago(0), _ago(-6), _ago(-20_000)]
    await _write(shared_postgres_dsn, *old, *young, width=width)
    removal = await _remove(shared_postgres_dsn, days=3)
    assert len(removal.dropped) == 3
    assert (removal.busy, removal.rows) == ([], 2)
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await reader.get_traces(1, _ids([*old, *young]))
    assert same_spans([one for spans in found.values() for one in spans], young)
    again = await _remove(shared_postgres_dsn, days=3)
    assert (again.dropped, again.rows, again.operations) == ([], 0, 0)


async def test_a_partition_stays_until_its_last_span_is_too_old(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _ago(3))
    assert (await _remove(shared_postgres_dsn, days=3)).dropped == []
    assert (await _remove(shared_postgres_dsn, days=2.5)).dropped == [_day(3)]


async def test_many_old_rows_go_in_several_batches(shared_postgres_dsn: str) -> None:
    spans = [_ago(200) for _ in range(11_000)]
    await _write(shared_postgres_dsn, *spans, _ago(0))
    assert (await _remove(shared_postgres_dsn, days=3)).rows == 11_000
    assert len(await _stored(shared_postgres_dsn)) == 1


async def test_operations_go_with_their_last_span(shared_postgres_dsn: str) -> None:
    await _write(
        shared_postgres_dsn,
        _ago(10, name="gone"),
        _ago(10, name="still called"),
        _ago(1, name="still called"),
        _ago(2.9, name="in the partition that stays"),
    )
    assert (await _remove(shared_postgres_dsn, days=2.75)).operations == 1
    assert await rows(shared_postgres_dsn, _OPERATIONS) == [("in the partition that stays",), ("still called",)]


async def test_dictionaries_stay_for_writers_that_know_them(shared_postgres_dsn: str) -> None:
    """The same writer before and after: what it takes for stored is stored."""
    before, after = _ago(10), _ago(0)
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(before))
        await _remove(shared_postgres_dsn, days=3)
        await writer.consume(batch(after))
    assert await rows(shared_postgres_dsn, _OPERATIONS) == [("GET /cart",)]
    async with reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader:
        found = await reader.get_traces(1, [before.trace_id, after.trace_id])
    assert same_spans(found[after.trace_id], [after])
    assert before.trace_id not in found


async def test_a_late_span_of_a_dropped_day_is_stored_and_goes_next_time(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await writer.consume(batch(_ago(10)))
        await _remove(shared_postgres_dsn, days=3)
        assert (await writer.consume(batch(_ago(10)))).accepted == 1
    assert (await _remove(shared_postgres_dsn, days=3)).rows == 1
    assert await _stored(shared_postgres_dsn) == []


async def test_a_partition_in_use_is_left_to_the_next_run(shared_postgres_dsn: str) -> None:
    old, young = _ago(10, name="old"), _ago(0, name="young")
    await _write(shared_postgres_dsn, old, young)
    async with transaction(shared_postgres_dsn) as question:
        await question.execute("SELECT count(*) FROM relayscope.spans")
        removal = await _remove(shared_postgres_dsn, days=3)
        assert (removal.dropped, removal.busy) == ([], [_day(10)])
        assert (await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.operations")) == 2
    assert (await _remove(shared_postgres_dsn, days=3)).dropped == [_day(10)]
    assert await _stored(shared_postgres_dsn) == _ids([young])


async def test_writers_wait_a_moment_at_most_behind_a_drop(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _ago(10), _ago(0))
    async with transaction(shared_postgres_dsn) as question, writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        await question.execute("SELECT count(*) FROM relayscope.spans")
        removing = asyncio.create_task(_remove(shared_postgres_dsn, days=3))
        await until_blocked(shared_postgres_dsn, "retention")
        assert (await writer.consume(batch(_ago(0)))).accepted == 1
        assert (await removing).busy == [_day(10)]


async def test_nothing_young_is_lost_under_write_load(shared_postgres_dsn: str) -> None:
    sent: list[Span] = []
    is_done = asyncio.Event()

    async def write(writer: PostgresSpanWriter) -> None:
        while not is_done.is_set():
            young = [_ago(2), _ago(1), _ago(0), _ago(-3)]
            old = [_ago(200), *(_ago(days) for days in range(4, 10))]
            receipt = await writer.consume(batch(*young, *old))
            assert receipt.accepted == len(young) + len(old)
            sent.extend(young)

    config = WriterConfig(dsn=shared_postgres_dsn)
    async with writing(config) as one, writing(config) as other, asyncio.TaskGroup() as group:
        group.create_task(write(one))
        group.create_task(write(other))
        for _ in range(5):
            await _remove(shared_postgres_dsn, days=3)
            async with await psycopg.AsyncConnection.connect(shared_postgres_dsn, autocommit=True) as connection:
                await keep_ahead(connection, Upkeep(ahead=1), signal=SPANS, now=_NOON)
        is_done.set()
    assert set(_ids(sent)) <= set(await _stored(shared_postgres_dsn))
    await _remove(shared_postgres_dsn, days=3)
    assert await _stored(shared_postgres_dsn) == _ids(sent)


async def test_the_periods_of_the_settings_decide(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, _ago(10), _ago(0))
    for_ever = Retention(shared_postgres_dsn, {}, clock=lambda: _NOON)
    assert await for_ever.apply() == []
    assert {one.cutoff for one in await for_ever.survey()} == {None}
    a_week = Retention(shared_postgres_dsn, {"spans": timedelta(weeks=1)}, clock=lambda: _NOON)
    cutoffs = {one.signal: one.cutoff for one in await a_week.survey()}
    others = dict.fromkeys(("attribute_chunks", "log_records", "ai_interactions", "ai_search", "decisions"))
    assert cutoffs == {"spans": _NOON - timedelta(weeks=1), **others}
    assert [one.dropped for one in await a_week.apply()] == [[_day(10)]]
    assert len(await _stored(shared_postgres_dsn)) == 1


async def test_a_database_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(RetryableError) as refused:
        await Retention("postgresql://user:canary@127.0.0.1:1/none", {}).survey()
    assert "canary" not in str(refused.value)


async def test_a_database_without_the_schema_is_told_apart(postgres_dsn: str) -> None:
    await rows(postgres_dsn, "DROP SCHEMA relayscope CASCADE")
    with pytest.raises(PermanentError, match="relayscope migrate"):
        await Retention(postgres_dsn, {}).survey()
