"""The index of attributes: what it covers, what it forgets, and how the questions to it are planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from processors.redact import Redact
from query.search import compile_search
from redaction.policy import default_policy
from redaction.redactor import Redactor
from storage.api import SearchPart, Tag
from storage.postgres.audit import PostgresAudit
from storage.postgres.chunk import ChunkNumbers
from storage.postgres.chunk_remaking import remake_stale_chunks
from storage.postgres.partition import ATTRIBUTE_CHUNKS
from storage.postgres.read_pool import ReaderConfig, configure_reading
from storage.postgres.reader import PostgresSpanReader
from storage.postgres.reredaction import ApplyConfig, Reredaction
from storage.postgres.retention import remove
from storage.postgres.statement import load_statements
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import BASE_US, HOUR_US, batch, search, span
from tracedata import Span
from tracedata.term import duration_step, term, trait_terms

_ADDRESS, _REDACTED = "jane.doe@example.com", "<EMAIL_ADDRESS>"
_START_US, _END_US = BASE_US - 60 * 24 * HOUR_US, BASE_US + HOUR_US
_HAS_TERM = "SELECT count(*) FROM relayscope.attribute_chunks WHERE terms @> ARRAY[%(term)s::int]"


async def _write(dsn: str, *batches: list[Span]) -> None:
    async with writing(WriterConfig(dsn=dsn)) as writer:
        for spans in batches:
            await writer.consume(batch(*spans))


async def _found(dsn: str, key: str, text: str, *, newest_spans: int = 0, limit: int = 100) -> list[bytes]:
    reader = PostgresSpanReader(ReaderConfig(dsn=dsn), compile_search=compile_search, newest_spans=newest_spans)
    await reader.start()
    try:
        asked = search(start_us=_START_US, end_us=_END_US, limit=limit, tags=[Tag(key=key, value=text)])
        return list((await reader.find_traces(asked)).trace_ids)
    finally:
        await reader.aclose()


def _at(second: int, **attributes: str) -> Span:
    start = (BASE_US + second * 1_000_000) * 1_000
    return span(attributes=attributes, start_time_unix_nano=start, end_time_unix_nano=start)


@pytest.mark.parametrize("newest_spans", [0, 1, 3, 100])
async def test_spans_without_a_chunk_are_found_among_the_others(shared_postgres_dsn: str, newest_spans: int) -> None:
    spans = [_at(second, k="x") for second in range(6)]
    await _write(shared_postgres_dsn, *([one] for one in spans))
    # As the previous release stored them: some before the upgrade, some while it was under way.
    forget = "UPDATE relayscope.spans SET chunk = NULL WHERE trace_id = ANY(%(ids)s)"
    await rows(shared_postgres_dsn, forget, {"ids": [spans[number].trace_id for number in (0, 1, 3)]})
    found = await _found(shared_postgres_dsn, "k", "x", newest_spans=newest_spans)
    assert found == [one.trace_id for one in reversed(spans)]


async def test_an_operation_of_a_service_is_found_beyond_its_newest_spans(shared_postgres_dsn: str) -> None:
    spans = [_at(second) for second in range(25)]
    await _write(shared_postgres_dsn, *([one] for one in spans))
    reader = PostgresSpanReader(ReaderConfig(dsn=shared_postgres_dsn), compile_search=compile_search, newest_spans=1)
    asked = search(
        start_us=_START_US,
        end_us=_END_US,
        limit=100,
        service=spans[0].resource.service_name,
        operation=spans[0].name,
    )
    await reader.start()
    try:
        found = (await reader.find_traces(asked)).trace_ids
    finally:
        await reader.aclose()
    ours = {one.trace_id for one in spans}
    assert [one for one in found if one in ours] == [one.trace_id for one in reversed(spans)]


async def test_only_spans_of_chunks_with_the_terms_are_looked_at(shared_postgres_dsn: str) -> None:
    spans = [_at(second, k=str(second)) for second in range(3)]
    await _write(shared_postgres_dsn, *([one] for one in spans))
    # Terms without which nothing is found, although the span is there: so it was the index that was asked.
    await rows(
        shared_postgres_dsn,
        "UPDATE relayscope.attribute_chunks SET terms = '{}' WHERE terms @> %(terms)s::int[]",
        {"terms": [term("k", "1")]},
    )
    assert await _found(shared_postgres_dsn, "k", "1") == []
    assert await _found(shared_postgres_dsn, "k", "2") == [spans[2].trace_id]
    # What is found among the newest needs no index.
    assert await _found(shared_postgres_dsn, "k", "1", newest_spans=100) == [spans[1].trace_id]


async def test_a_span_that_is_refused_for_its_neighbours_keeps_its_chunk(shared_postgres_dsn: str) -> None:
    first, second = _at(0, k="x"), _at(1, k="x")
    await _write(shared_postgres_dsn, [first], [second, first], [first, second])
    missing = """
        SELECT count(*) FROM relayscope.spans AS s WHERE NOT EXISTS (
            SELECT 1 FROM relayscope.attribute_chunks AS c
            WHERE c.chunk = s.chunk AND s.start_time BETWEEN c.from_time AND c.to_time AND c.terms @> ARRAY[%(term)s::int])
    """
    assert await value(shared_postgres_dsn, missing, {"term": term("k", "x")}) == 0
    assert await _found(shared_postgres_dsn, "k", "x") == [second.trace_id, first.trace_id]


async def test_redaction_of_what_is_stored_makes_terms_anew(shared_postgres_dsn: str) -> None:
    told, untold, apart = _at(0, mail=_ADDRESS), _at(1, mail="none"), _at(2, mail="apart")
    await _write(shared_postgres_dsn, [told, untold], [apart])
    config = ApplyConfig(dsn=shared_postgres_dsn, policy="strict", actor="tester")
    redact = Redact(Redactor(default_policy()))
    await Reredaction(config, lambda _: redact, PostgresAudit(shared_postgres_dsn)).apply()
    assert await value(shared_postgres_dsn, _HAS_TERM, {"term": term("mail", _ADDRESS)}) == 0
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.attribute_chunks WHERE spans = 0") == 0
    assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.attribute_chunks") == 2
    assert await _found(shared_postgres_dsn, "mail", _REDACTED) == [told.trace_id]
    assert await _found(shared_postgres_dsn, "mail", "none") == [untold.trace_id]
    assert await _found(shared_postgres_dsn, "mail", "apart") == [apart.trace_id]


async def test_a_chunk_made_anew_without_its_resource_keeps_the_service(shared_postgres_dsn: str) -> None:
    lost = _at(0)
    await _write(shared_postgres_dsn, [lost])
    await rows(shared_postgres_dsn, "DELETE FROM relayscope.resources")
    await rows(shared_postgres_dsn, "UPDATE relayscope.attribute_chunks SET spans = 0")
    async with await psycopg.AsyncConnection.connect(
        shared_postgres_dsn, autocommit=True, row_factory=namedtuple_row
    ) as connection:
        await configure_reading(connection)
        assert await remake_stale_chunks(connection) == 1
    (own, _) = trait_terms([duration_step(lost.duration_ns)], service=lost.resource.service_name, name=lost.name)
    assert await value(shared_postgres_dsn, _HAS_TERM, {"term": own}) == 1


async def test_retention_takes_chunks_with_their_spans(shared_postgres_dsn: str) -> None:
    await _write(shared_postgres_dsn, [_at(0, k="old")], [_at(0, k="new")])
    move = "UPDATE relayscope.attribute_chunks SET to_time = to_time - interval '300 days' WHERE terms @> ARRAY[%(term)s::int]"
    await rows(shared_postgres_dsn, move, {"term": term("k", "old")})
    cutoff = datetime.fromtimestamp(BASE_US / 1e6, UTC) - timedelta(days=200)

    async def at_once(_: float) -> None:
        """No pause."""

    async with await psycopg.AsyncConnection.connect(shared_postgres_dsn, autocommit=True) as connection:
        await remove(connection, signal=ATTRIBUTE_CHUNKS, cutoff=cutoff, pause=at_once)
    assert await value(shared_postgres_dsn, _HAS_TERM, {"term": term("k", "old")}) == 0
    assert await value(shared_postgres_dsn, _HAS_TERM, {"term": term("k", "new")}) == 1


def test_numbers_of_chunks_ascend_and_begin_again() -> None:
    numbers = ChunkNumbers(clock=lambda: 1_700_000_000.0)
    given = [numbers.next() for _ in range(100)]
    assert given == sorted(set(given))
    assert all(0 <= number < 2**31 for number in given)


# Any: the plan is JSON of the server's making.
def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


async def _indexes(dsn: str, sql: bytes, parameters: Mapping[str, object]) -> set[str]:
    """The indexes of a plan, by the end of their names, where nothing is known of what is stored."""
    async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
        await connection.execute(load_statements("reader.sql")["by_index"])
        ((found,),) = await (await connection.execute(b"EXPLAIN (FORMAT JSON) " + sql, parameters)).fetchall()
    names = {node["Index Name"] for node in _nodes(found[0]["Plan"]) if "Index Name" in node}
    return {"_".join(name.split("_")[-3:]) for name in names}


@pytest.mark.parametrize("service", [None, "checkout"], ids=["of any service", "of a service"])
async def test_spans_of_chunks_are_read_through_their_index(shared_postgres_dsn: str, service: str | None) -> None:
    await _write(shared_postgres_dsn, [_at(second, k=str(second)) for second in range(100)])
    part = SearchPart(start_us=_START_US, end_us=_END_US, in_chunks=True)
    statement = compile_search(
        search(start_us=_START_US, end_us=_END_US, service=service, tags=[Tag(key="k", value="1")]), part=part
    )
    chunks = {"chunks": [1, 2, 3], "first_chunk": 1, "last_chunk": 3}
    found = await _indexes(shared_postgres_dsn, statement.sql.encode(), {**statement.parameters, **chunks})
    assert any(name.endswith("service_name_idx") for name in found)
    assert not any(name.endswith(("start_time_idx", "time_idx")) for name in found)
