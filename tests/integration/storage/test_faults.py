"""What goes wrong between the writer and PostgreSQL: nothing is half stored, nothing twice, and senders may try again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import LiteralString

import pytest

from storage.postgres.writer import PostgresSpanWriter, WriterConfig
from tests.support.database import rows, transaction, until_blocked, value, writing
from tests.support.factory import batch, full_span, resent, span
from tests.support.proxy import Cut, Proxy, after_bytes, before, proxied
from tracedata import Receipt, RetryableError, Span

_COUNT = "SELECT count(*) FROM relayscope.spans"
_MANY = 500

# Takes one lock, then the other, for every row.
_LOCKING: LiteralString = """
    CREATE FUNCTION locking() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(2); PERFORM pg_advisory_xact_lock(1); RETURN new; END $$;
    CREATE TRIGGER locking BEFORE INSERT ON relayscope.spans FOR EACH ROW EXECUTE FUNCTION locking()
"""
# A sequence does not go back with its transaction, so it counts attempts.
_FAILING: LiteralString = """
    CREATE SEQUENCE attempts;
    CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('attempts') <= tg_argv[0]::bigint THEN
            RAISE 'made to fail' USING ERRCODE = tg_argv[1];
        END IF;
        RETURN NULL;
    END $$
"""
_FAIL: dict[str, LiteralString] = {
    state: f"""
    CREATE TRIGGER failing AFTER INSERT ON relayscope.spans FOR EACH STATEMENT EXECUTE FUNCTION failing(3, '{state}')
"""
    for state in ("40001", "40P01", "55P03")
}
_FAIL_ALWAYS: LiteralString = """
    CREATE TRIGGER failing AFTER INSERT ON relayscope.spans FOR EACH STATEMENT EXECUTE FUNCTION failing(1000, '40001')
"""


async def _delivered(writer: PostgresSpanWriter, spans: list[Span]) -> tuple[Receipt, int]:
    """The receipt, and how often the batch was refused before it came: what every exporter does."""
    refusals = 0
    while True:
        try:
            return await writer.consume(batch(*map(resent, spans))), refusals
        except RetryableError:
            refusals += 1
            assert refusals < 10


@pytest.fixture
async def through(postgres_dsn: str, data_folder: Path) -> AsyncIterator[tuple[Proxy, PostgresSpanWriter]]:
    async with proxied(postgres_dsn, data_folder) as (proxy, dsn), writing(WriterConfig(dsn=dsn)) as writer:
        yield proxy, writer


_CUTS: dict[str, tuple[str, Callable[[], Cut]]] = {
    "before the rows": ("to_server", lambda: after_bytes(0)),
    "at the first row": ("to_server", lambda: before(b"PGCOPY")),
    "in the first rows": ("to_server", lambda: after_bytes(20_000)),
    "in the middle of COPY": ("to_server", lambda: after_bytes(300_000)),
    "before COMMIT": ("to_server", lambda: before(b"COMMIT")),
    "after COMMIT, which nobody hears": ("to_client", lambda: before(b"COMMIT\0")),
}


@pytest.mark.parametrize(("direction", "cut"), _CUTS.values(), ids=_CUTS.keys())
@pytest.mark.parametrize("earlier", [0, 1], ids=["first group", "later group"])
async def test_a_connection_that_is_cut(
    through: tuple[Proxy, PostgresSpanWriter], postgres_dsn: str, direction: str, cut: Callable[[], Cut], earlier: int
) -> None:
    proxy, writer = through
    for _ in range(earlier):
        await writer.consume(batch(span()))
    spans = [full_span() for _ in range(_MANY)]
    setattr(proxy, direction, cut())
    receipt, refusals = await _delivered(writer, spans)

    assert proxy.cuts == 1
    assert receipt == Receipt(accepted=_MANY)
    # A connection that has worked before is given a second chance at once.
    assert refusals == 1 - earlier
    assert await value(postgres_dsn, _COUNT) == _MANY + earlier


async def test_a_deadlock_is_repeated(postgres_dsn: str) -> None:
    await rows(postgres_dsn, _LOCKING)
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        async with transaction(postgres_dsn) as other:
            # Whoever has waited longest looks for a circle first, and gives way.
            await other.execute("SET LOCAL deadlock_timeout = '30s'")
            await other.execute("SELECT pg_advisory_xact_lock(1)")
            waiting = asyncio.create_task(writer.consume(batch(span(), span())))
            await until_blocked(postgres_dsn)
            await other.execute("SELECT pg_advisory_xact_lock(2)")
            assert not waiting.done()
        assert await waiting == Receipt(accepted=2)
    assert await value(postgres_dsn, _COUNT) == 2
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await value(postgres_dsn, query) == 1


@pytest.mark.parametrize("statement", _FAIL.values(), ids=["serialization", "deadlock", "lock not available"])
async def test_a_conflict_is_repeated_a_few_times(postgres_dsn: str, statement: LiteralString) -> None:
    await rows(postgres_dsn, _FAILING)
    await rows(postgres_dsn, statement)
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        assert await writer.consume(batch(span(), span())) == Receipt(accepted=2)
    assert await value(postgres_dsn, "SELECT last_value FROM attempts") == 4
    assert await value(postgres_dsn, _COUNT) == 2


async def test_a_conflict_without_end_is_the_senders_to_repeat(postgres_dsn: str) -> None:
    await rows(postgres_dsn, _FAILING)
    await rows(postgres_dsn, _FAIL_ALWAYS)
    sent = [span(), span()]
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        with pytest.raises(RetryableError):
            await writer.consume(batch(*sent))
        assert await value(postgres_dsn, "SELECT last_value FROM attempts") < 20
        await rows(postgres_dsn, "DROP TRIGGER failing ON relayscope.spans")
        assert await writer.consume(batch(*map(resent, sent))) == Receipt(accepted=2)
    assert await value(postgres_dsn, _COUNT) == 2
