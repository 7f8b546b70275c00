"""Samples and frames where they differ from a plain answer: budgets, ties in time, interactions, plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count

import pytest

from storage.postgres.frame_reader import PostgresFrameReader
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.sample_reader import PostgresSampleReader, SampleBudget
from storage.postgres.statement import load_statements
from storage.sample import SampleWindow
from tests.support.database import reading, transaction
from tests.support.factory import BASE_US, HOUR_US, span
from tests.support.interaction import interaction
from tests.support.interaction_store import PostgresPlace
from tests.support.store import Store
from tracedata import StatusCode

_WINDOW = SampleWindow(workspace_id=1, start_us=BASE_US - HOUR_US, end_us=BASE_US + HOUR_US)


@pytest.fixture
async def reader(postgres_store: Store, shared_postgres_dsn: str) -> AsyncIterator[PostgresSpanReader]:
    """A reader of the database that ``postgres_store`` fills."""
    async with reading(ReaderConfig(dsn=shared_postgres_dsn, max_connections=2)) as made:
        yield made


async def test_a_sample_ends_with_its_budget_and_has_the_newest(
    postgres_store: Store, reader: PostgresSpanReader
) -> None:
    await postgres_store.put(*(span(at_us=number, attributes={"n": number}) for number in range(1_200)))
    samples = PostgresSampleReader(reader.pool, budget=SampleBudget(max_spans=600))
    found = await samples.attribute_values(_WINDOW, key="n")
    assert (found.sampled, found.is_complete) == (600, False)
    assert {one.value for one in found.values} == set(range(600, 1_200))
    keys = await samples.attribute_keys(_WINDOW)
    assert (keys.sampled, keys.is_complete) == (600, False)
    assert {one.count for one in keys.keys if one.key == "n"} == {600}


async def test_a_sample_ends_with_its_time(postgres_store: Store, reader: PostgresSpanReader) -> None:
    await postgres_store.put(*(span(at_us=number) for number in range(700)))
    seconds = count()
    samples = PostgresSampleReader(reader.pool, clock=lambda: float(next(seconds)))
    found = await samples.attribute_keys(_WINDOW)
    assert (found.sampled, found.is_complete) == (500, False)


async def test_many_values_are_cut(postgres_store: Store, reader: PostgresSpanReader) -> None:
    await postgres_store.put(*(span(at_us=number, attributes={"n": number // 2}) for number in range(40)))
    samples = PostgresSampleReader(reader.pool, budget=SampleBudget(max_values=10))
    found = await samples.attribute_values(_WINDOW, key="n")
    assert (len(found.values), found.is_complete) == (10, False)


async def test_spans_of_one_moment_are_each_looked_at_once(postgres_store: Store, reader: PostgresSpanReader) -> None:
    failing = [span(name="x", status_code=StatusCode.ERROR) for _ in range(1_300)]
    await postgres_store.put(*failing)
    samples = PostgresSampleReader(reader.pool)
    keys = await samples.attribute_keys(_WINDOW)
    assert (keys.sampled, keys.is_complete) == (1_300, True)
    found = await samples.failed_spans(_WINDOW, operation="x", limit=2_000)
    assert {one.span_id for one in found.spans} == {one.span_id for one in failing}
    assert (found.sampled, found.is_complete, len(found.spans)) == (1_300, True, 1_300)


async def test_frames_tell_under_which_spans_an_interaction_is_kept(
    postgres_store: Store, reader: PostgresSpanReader, shared_postgres_dsn: str
) -> None:
    call, other = span(), span()
    await postgres_store.put(call, span(trace_id=call.trace_id), other)
    await PostgresPlace(shared_postgres_dsn).put(
        [interaction(trace_id=call.trace_id, span_id=call.span_id)], workspace_id=1
    )
    page = await PostgresFrameReader(reader.pool).frame_page(1, call.trace_id, limit=9)
    assert {one.frame.span_id for one in page.spans if one.has_interaction} == {call.span_id}
    assert len(page.spans) == 2


@pytest.mark.parametrize("name", ["page", "frames", "lineage", "spans"])
async def test_a_trace_is_read_by_its_id(postgres_store: Store, shared_postgres_dsn: str, name: str) -> None:
    own = span()
    await postgres_store.put(own, *(span(at_us=number) for number in range(2_000)))
    statements = load_statements("frame.sql")
    parameters = {
        "workspace_id": 1,
        "trace_id": own.trace_id,
        "span_ids": [own.span_id],
        "is_first": False,
        "start": datetime(1970, 1, 1, tzinfo=UTC),
        "start_ns": 0,
        "span_id": b"",
        "fingerprint": 0,
        "limit": 9,
    }
    async with transaction(shared_postgres_dsn) as connection:
        await connection.execute("ANALYZE relayscope.spans")
        await connection.execute(statements["planning"])
        plan = await (await connection.execute("EXPLAIN " + statements[name], parameters)).fetchall()
    text = "\n".join(line for (line,) in plan)
    assert "trace_id_span_id_start_time_fingerprint_idx" in text
    assert "Seq Scan" not in text
