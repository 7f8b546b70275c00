from __future__ import annotations

import httpx

from relayscope.api.app import create_app
from relayscope.api.jaeger import JaegerAccess
from storage.postgres.purge import PostgresPurge
from storage.postgres.read_pool import ReaderConfig
from storage.postgres.writer import WriterConfig
from tests.support.database import reading, value, writing
from tests.support.factory import batch, full_span
from tests.support.memory_store import MemoryStore


async def test_a_purge_leaves_nothing_and_what_comes_next_is_whole(shared_postgres_dsn: str) -> None:
    async with (
        writing(WriterConfig(dsn=shared_postgres_dsn, remembers=False)) as writer,
        reading(ReaderConfig(dsn=shared_postgres_dsn)) as reader,
    ):
        await writer.consume(batch(full_span()))
        assert await reader.services(1) != []
        await PostgresPurge(shared_postgres_dsn)()
        assert await value(shared_postgres_dsn, "SELECT count(*) FROM relayscope.spans") == 0
        assert await reader.services(1) == []
        # The same service again, which this writer has stored before.
        again = full_span()
        await writer.consume(batch(again))
        assert await reader.services(1) == [again.resource.service_name]
        found = await reader.get_traces(1, [again.trace_id])
        assert [one.resource for one in found[again.trace_id]] == [again.resource]


async def test_the_call_exists_only_where_it_is_allowed() -> None:
    calls: list[str] = []

    async def purge() -> None:
        calls.append("purge")

    for access, status in ((JaegerAccess(), 404), (JaegerAccess(purge=purge), 200)):
        transport = httpx.ASGITransport(create_app(MemoryStore(), jaeger_access=access))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.post("/purge")).status_code == status
    assert calls == ["purge"]
