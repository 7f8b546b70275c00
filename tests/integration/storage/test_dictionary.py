from __future__ import annotations

import asyncio
from datetime import timedelta

from storage.postgres.writer import WriterConfig
from tests.support.database import rows, value, writing
from tests.support.factory import HOUR_US, batch, full_resource, full_scope, span
from tracedata import Resource, Scope, Span

_SEEN = "SELECT name, last_seen - first_seen FROM relayscope.operations"


def _telling(number: int) -> Span:
    return span(
        name=f"op {number % 3}",
        resource=Resource(attributes={"service.name": "checkout", "host": number % 5}),
        scope=Scope(name=f"scope {number % 4}"),
    )


async def _sizes(dsn: str) -> list[int]:
    return [
        await value(dsn, "SELECT count(*) FROM relayscope.resources"),
        await value(dsn, "SELECT count(*) FROM relayscope.scopes"),
        await value(dsn, "SELECT count(*) FROM relayscope.operations"),
    ]


async def test_two_writers_share_entries(shared_postgres_dsn: str) -> None:
    config = WriterConfig(dsn=shared_postgres_dsn, max_group_rows=7)
    async with writing(config) as one, writing(config) as other:
        await asyncio.gather(
            *(one.consume(batch(*map(_telling, range(start, start + 20)))) for start in range(10)),
            *(other.consume(batch(*map(_telling, reversed(range(start, start + 20))))) for start in range(10)),
        )
    assert await _sizes(shared_postgres_dsn) == [5, 4, 3]
    missing = """
        SELECT count(*) FROM relayscope.spans AS s
        WHERE NOT EXISTS (SELECT 1 FROM relayscope.resources AS r
                          WHERE (r.workspace_id, r.resource_id) = (s.workspace_id, s.resource_id))
           OR NOT EXISTS (SELECT 1 FROM relayscope.scopes AS c
                          WHERE (c.workspace_id, c.scope_id) = (s.workspace_id, s.scope_id))
    """
    assert await value(shared_postgres_dsn, missing) == 0


async def test_a_new_writer_finds_the_entries_of_an_earlier_one(shared_postgres_dsn: str) -> None:
    for _ in range(2):
        async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
            await writer.consume(batch(span(resource=full_resource(), scope=full_scope())))
    assert await _sizes(shared_postgres_dsn) == [1, 1, 1]


async def test_workspaces_have_entries_of_their_own(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        for workspace_id in (1, 2):
            await writer.consume(batch(span(), workspace_id=workspace_id))
    assert await _sizes(shared_postgres_dsn) == [2, 2, 2]


async def test_the_time_in_which_an_operation_was_seen_widens(shared_postgres_dsn: str) -> None:
    for hours in (0, 2, -3, 1):
        async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
            await writer.consume(batch(span(name="a", at_us=hours * HOUR_US)))
    assert await rows(shared_postgres_dsn, _SEEN) == [("a", timedelta(hours=5))]


async def test_one_writer_widens_it_too(shared_postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=shared_postgres_dsn)) as writer:
        for hours in (0, 2, -3, 1):
            await writer.consume(batch(span(name="a", at_us=hours * HOUR_US)))
    assert await rows(shared_postgres_dsn, _SEEN) == [("a", timedelta(hours=5))]


async def test_entries_that_vanished_with_the_database_are_stored_again(postgres_dsn: str) -> None:
    # As after a restore of an older backup: the connection is lost, and what was remembered is no longer true.
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        sent = span()
        await writer.consume(batch(sent))
        await rows(postgres_dsn, "TRUNCATE relayscope.resources, relayscope.scopes, relayscope.operations")
        await rows(
            postgres_dsn,
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'relayscope-writer'",
        )
        await writer.consume(batch(span(resource=sent.resource, scope=sent.scope)))
    assert await _sizes(postgres_dsn) == [1, 1, 1]
