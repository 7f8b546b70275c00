"""Archived traces outlive retention, are read like any other, and are redacted like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from processors.redact import Redact
from redaction.policy import default_policy
from redaction.redactor import Redactor
from storage.api import SpanCursor, TraceOutline
from storage.archive import TRACE_ARCHIVED, TRACE_UNARCHIVED
from storage.postgres.archive import PostgresTraceArchive
from storage.postgres.audit import PostgresAudit
from storage.postgres.partition import SPANS
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.retention import remove
from storage.postgres.row import SPAN_COLUMNS
from storage.postgres.writer import WriterConfig
from tests.support.canonical import canonical, same_spans
from tests.support.database import reading, rows, until, value, writing
from tests.support.factory import batch, full_span, span, trace_id
from tests.support.large_trace import LARGE_TRACE_ID, large_trace
from tracedata import Span

_NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
_ADDRESS = "jane.doe@example.com"
_REDACT = Redact(Redactor(default_policy()))
_OLD_US = int((_NOON - timedelta(days=10)).timestamp()) * 1_000_000


def _old(shared: bytes, *, number: int = 0, text: str = "plain") -> Span:
    start = (_OLD_US + number) * 1_000
    return full_span(
        trace_id=shared, start_time_unix_nano=start, end_time_unix_nano=start + 5, attributes={"who": text, "n": number}
    )


async def _write(dsn: str, *spans: Span, workspace_id: int = 1) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        assert (await writer.consume(batch(*spans, workspace_id=workspace_id))).accepted == len(spans)


async def _expire(dsn: str) -> None:
    """Retention takes everything that is a week old."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await remove(connection, signal=SPANS, cutoff=_NOON - timedelta(days=7), pause=_never)
    assert await value(dsn, "SELECT count(*) FROM relayscope.spans WHERE start_time < now() - interval '8 days'") == 0


async def _never(seconds: float) -> None:
    raise AssertionError("nobody uses the partition")


async def _redact(dsn: str) -> None:
    config = ApplyConfig(dsn=dsn, policy="strict", actor="tester")
    await Reredaction(config, lambda _: _REDACT, PostgresAudit(dsn)).apply()


async def _read(dsn: str, key: bytes, *, workspace_id: int = 1) -> Sequence[Span]:
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        return (await reader.get_traces(workspace_id, [key])).get(key, [])


async def _pages(reader: PostgresSpanReader, key: bytes, *, limit: int) -> list[Span]:
    found: list[Span] = []
    after: SpanCursor | None = None
    while True:
        page = await reader.trace_spans(1, key, limit=limit, after=after)
        found += page.spans
        if page.cursor is None:
            return found
        after = page.cursor


async def _all_ways(dsn: str, key: bytes) -> tuple[Sequence[Span], Sequence[Span], TraceOutline]:
    async with reading(ReaderConfig(dsn=dsn)) as reader:
        whole = (await reader.get_traces(1, [key]))[key]
        return whole, await _pages(reader, key, limit=4_000), (await reader.outlines(1, [key]))[key]


async def test_an_archived_trace_is_read_the_same_whether_its_partition_is_there_or_not(
    shared_postgres_dsn: str,
) -> None:
    sent = large_trace(start_us=_OLD_US)
    await _write(shared_postgres_dsn, *sent)
    before = await _all_ways(shared_postgres_dsn, LARGE_TRACE_ID)
    kept = await PostgresTraceArchive(shared_postgres_dsn).archive(1, LARGE_TRACE_ID, actor="tester")
    assert kept is not None
    assert (kept.trace_id, kept.span_count) == (LARGE_TRACE_ID, len(sent))
    both = await _all_ways(shared_postgres_dsn, LARGE_TRACE_ID)
    await _expire(shared_postgres_dsn)
    alone = await _all_ways(shared_postgres_dsn, LARGE_TRACE_ID)
    assert same_spans(before[0], sent)
    assert canonical(before) == canonical(both) == canonical(alone)


async def test_spans_that_come_later_are_kept_when_retention_takes_them(shared_postgres_dsn: str) -> None:
    key, other = trace_id(), trace_id()
    archive = PostgresTraceArchive(shared_postgres_dsn)
    first, second, third = (_old(key, number=number) for number in range(3))
    await _write(shared_postgres_dsn, first, _old(other))
    await archive.archive(1, key, actor="tester")
    await _write(shared_postgres_dsn, second)
    assert same_spans(await _read(shared_postgres_dsn, key), [first, second])
    await _expire(shared_postgres_dsn)
    await _write(shared_postgres_dsn, third)
    assert same_spans(await _read(shared_postgres_dsn, key), [first, second, third])
    again = await archive.archive(1, key, actor="tester")
    assert again is not None
    assert again.span_count == 3
    assert await _read(shared_postgres_dsn, other) == []


async def test_archiving_and_its_end_can_be_repeated_and_are_audited_once(shared_postgres_dsn: str) -> None:
    key = trace_id()
    archive = PostgresTraceArchive(shared_postgres_dsn)
    await _write(shared_postgres_dsn, _old(key))
    first = await archive.archive(1, key, actor="tester")
    assert first is not None
    assert await archive.archive(1, key, actor="tester") == first == await archive.archived(1, key)
    await _expire(shared_postgres_dsn)
    # What is nowhere but in the archive can be archived again, too.
    assert await archive.archive(1, key, actor="tester") == first
    assert await archive.unarchive(1, key, actor="other")
    assert not await archive.unarchive(1, key, actor="other")
    assert await archive.archived(1, key) is None
    assert await _read(shared_postgres_dsn, key) == []
    entries = await rows(
        shared_postgres_dsn, "SELECT actor, action, detail FROM relayscope.audit_log ORDER BY audit_id"
    )
    assert entries == [
        ("tester", TRACE_ARCHIVED, {"traceId": key.hex()}),
        ("other", TRACE_UNARCHIVED, {"traceId": key.hex()}),
    ]


async def test_an_unknown_trace_and_that_of_another_workspace_are_not_archived(shared_postgres_dsn: str) -> None:
    key = trace_id()
    archive = PostgresTraceArchive(shared_postgres_dsn)
    await _write(shared_postgres_dsn, _old(key), workspace_id=2)
    assert await archive.archive(1, key, actor="tester") is None
    assert await archive.archive(1, trace_id(), actor="tester") is None
    await archive.archive(2, key, actor="tester")
    await _expire(shared_postgres_dsn)
    assert await _read(shared_postgres_dsn, key) == []
    assert len(await _read(shared_postgres_dsn, key, workspace_id=2)) == 1


async def test_what_is_let_go_of_stays_until_retention_takes_it(shared_postgres_dsn: str) -> None:
    one = span()
    archive = PostgresTraceArchive(shared_postgres_dsn)
    await _write(shared_postgres_dsn, one)
    await archive.archive(1, one.trace_id, actor="tester")
    assert await archive.unarchive(1, one.trace_id, actor="tester")
    assert same_spans(await _read(shared_postgres_dsn, one.trace_id), [one])


@pytest.mark.parametrize("expires", [False, True], ids=["beside the originals", "without the originals"])
async def test_redaction_of_what_is_stored_reaches_the_archive(postgres_dsn: str, *, expires: bool) -> None:
    key = trace_id()
    await _write(postgres_dsn, _old(key, text=f"mail {_ADDRESS}"), _old(key, number=1))
    await PostgresTraceArchive(postgres_dsn).archive(1, key, actor="tester")
    if expires:
        await _expire(postgres_dsn)
    await _redact(postgres_dsn)
    found = await _read(postgres_dsn, key)
    assert [one.attributes["who"] for one in found] == ["mail <EMAIL_ADDRESS>", "plain"]
    holding = "SELECT count(*) FROM relayscope.archived_spans WHERE attributes::text LIKE %(pattern)s"
    assert await value(postgres_dsn, holding, {"pattern": f"%{_ADDRESS}%"}) == 0
    assert await value(postgres_dsn, "SELECT count(*) FROM relayscope.archived_spans") == 2


async def test_redaction_waits_for_what_is_being_archived(postgres_dsn: str) -> None:
    """A copy of what was not redacted yet must not come after redaction has looked at the archive."""
    key = trace_id()
    await _write(postgres_dsn, _old(key, text=f"mail {_ADDRESS}"))
    async with await psycopg.AsyncConnection.connect(postgres_dsn) as slow:
        await slow.execute("SELECT pg_advisory_xact_lock_shared(hashtext('relayscope.archive'))")
        columns = ", ".join(SPAN_COLUMNS)
        copy = f"INSERT INTO relayscope.archived_spans ({columns}) SELECT {columns} FROM relayscope.spans"
        await slow.execute(copy.encode())
        running = asyncio.create_task(_redact(postgres_dsn))
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await until(lambda: value(postgres_dsn, waiting))
        await slow.commit()
        await running
    assert [one.attributes["who"] for one in await _read(postgres_dsn, key)] == ["mail <EMAIL_ADDRESS>"]


async def test_the_archive_has_every_column_of_a_span(shared_postgres_dsn: str) -> None:
    query = """
        SELECT relname::text, array_agg(attname::text || format_type(atttypid, atttypmod) || attnotnull ORDER BY attname)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'relayscope'::regnamespace AND relname IN ('spans', 'archived_spans')
          AND attnum > 0 AND NOT attisdropped AND attname = ANY(%(columns)s)
        GROUP BY relname
    """
    found = dict(await rows(shared_postgres_dsn, query, {"columns": list(SPAN_COLUMNS)}))
    assert len(found["spans"]) == len(SPAN_COLUMNS)
    assert found["archived_spans"] == found["spans"]


async def test_two_different_spans_under_one_id_are_both_kept(shared_postgres_dsn: str) -> None:
    key = trace_id()
    one = _old(key)
    twin = replace(one, name="twin")
    await _write(shared_postgres_dsn, one, twin)
    await PostgresTraceArchive(shared_postgres_dsn).archive(1, key, actor="tester")
    assert same_spans(await _read(shared_postgres_dsn, key), [one, twin])
    await _expire(shared_postgres_dsn)
    assert same_spans(await _read(shared_postgres_dsn, key), [one, twin])
