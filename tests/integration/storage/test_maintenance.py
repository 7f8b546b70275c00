from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from storage.postgres.maintenance import Maintenance, MaintenanceConfig, Round
from storage.postgres.partition import Upkeep
from storage.postgres.writer import WriterConfig
from tests.support.database import rows, terminate, until, writing
from tests.support.factory import batch, span

_NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
_NAMES = """
    SELECT name FROM relayscope.partitions
    WHERE signal = %(signal)s AND isfinite(from_time) AND isfinite(to_time) ORDER BY from_time
"""
_LOCKS = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted
      AND objid = (hashtext('relayscope.maintenance')::bigint & 4294967295)::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class _Candidate:
    """A maintenance of which every round can be awaited; its clock stands until it is moved."""

    def __init__(self, dsn: str, name: str, *, days_kept: int | None = None) -> None:
        self.rounds = asyncio.Queue[Round]()
        self.now = _NOON
        self.name = name
        config = MaintenanceConfig(
            dsn=dsn,
            upkeep=Upkeep(ahead=1),
            periods={} if days_kept is None else {"spans": timedelta(days=days_kept)},
            round_interval_s=0.01,
            retention_interval_s=0.01,
            retry_s=0.01,
            application_name=name,
        )
        self.maintenance = Maintenance(config, clock=lambda: self.now, on_round=self.rounds.put_nowait)

    async def next_round(self) -> Round:
        """A round that begins after this was asked for."""
        while not self.rounds.empty():
            self.rounds.get_nowait()
        async with asyncio.timeout(20):
            await self.rounds.get()
            return await self.rounds.get()


@asynccontextmanager
async def _running(*candidates: _Candidate) -> AsyncIterator[None]:
    for candidate in candidates:
        await candidate.maintenance.start()
    try:
        yield
    finally:
        for candidate in candidates:
            await candidate.maintenance.aclose()


async def _names(dsn: str, signal: str = "spans") -> list[str]:
    return [name for (name,) in await rows(dsn, _NAMES, {"signal": signal})]


def _day(days: int, signal: str = "spans") -> str:
    return f"{signal}_{_NOON + timedelta(days=days):%Y%m%d}"


async def test_partitions_are_made_as_time_goes_on(postgres_dsn: str) -> None:
    candidate = _Candidate(postgres_dsn, "one")
    async with _running(candidate):
        await candidate.next_round()
        assert await _names(postgres_dsn) == [_day(0), _day(1)]
        candidate.now += timedelta(days=1)
        await candidate.next_round()
        assert await _names(postgres_dsn) == [_day(0), _day(1), _day(2)]
        assert await _names(postgres_dsn, "log_records") == [_day(day, "log_records") for day in (0, 1, 2)]


async def test_what_is_too_old_goes_on_schedule(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        start = int((_NOON - timedelta(days=10)).timestamp()) * 10**9
        await writer.consume(batch(span(start_time_unix_nano=start, end_time_unix_nano=start)))
    assert await _names(postgres_dsn) == [_day(-10)]
    candidate = _Candidate(postgres_dsn, "one", days_kept=7)
    async with _running(candidate):
        await candidate.next_round()
    assert await _names(postgres_dsn) == [_day(0), _day(1)]


async def test_without_a_period_everything_stays(postgres_dsn: str) -> None:
    async with writing(WriterConfig(dsn=postgres_dsn)) as writer:
        await writer.consume(batch(span()))
    candidate = _Candidate(postgres_dsn, "one")
    async with _running(candidate):
        done = await candidate.next_round()
    assert done.removals == []
    assert await rows(postgres_dsn, "SELECT count(*) FROM relayscope.spans") == [(1,)]


async def test_one_of_two_leads(postgres_dsn: str) -> None:
    one, other = _Candidate(postgres_dsn, "one"), _Candidate(postgres_dsn, "other")
    async with _running(one):
        await one.next_round()
        async with _running(other):
            await until(lambda: _is_connected(postgres_dsn, "other"))
            for _ in range(3):
                await one.next_round()
            assert other.rounds.empty()
            assert (one.maintenance.is_leader, other.maintenance.is_leader) == (True, False)
            assert await rows(postgres_dsn, _LOCKS) == [(1,)]


async def test_the_other_takes_over_from_a_leader_that_ends(postgres_dsn: str) -> None:
    one, other = _Candidate(postgres_dsn, "one"), _Candidate(postgres_dsn, "other")
    async with _running(other):
        async with _running(one):
            leader, follower = await _leader_of(one, other)
            await leader.maintenance.aclose()
            assert not leader.maintenance.is_leader
            follower.now += timedelta(days=5)
            await follower.next_round()
        assert _day(6) in await _names(postgres_dsn)


async def test_a_lost_connection_is_a_lost_leadership(postgres_dsn: str) -> None:
    one, other = _Candidate(postgres_dsn, "one"), _Candidate(postgres_dsn, "other")
    async with _running(one, other):
        leader, follower = await _leader_of(one, other)
        # The leader may come back at once and win again; killed often enough, it is the other one's turn.
        while not follower.maintenance.is_leader:
            assert await terminate(postgres_dsn, leader.name) in (0, 1)
            await asyncio.sleep(0)
        await follower.next_round()
        await until(lambda: _is_connected(postgres_dsn, leader.name))
        assert not leader.maintenance.is_leader
        assert await rows(postgres_dsn, _LOCKS) == [(1,)]


async def test_who_finds_no_database_tries_again_and_ends_when_told() -> None:
    candidate = _Candidate("postgresql://nobody@127.0.0.1:1/none", "one")
    async with _running(candidate):
        await asyncio.sleep(0)
        assert not candidate.maintenance.is_leader


async def test_closing_is_idempotent_and_safe_before_start(postgres_dsn: str) -> None:
    maintenance = _Candidate(postgres_dsn, "one").maintenance
    await maintenance.aclose()
    await maintenance.start()
    await maintenance.aclose()
    await maintenance.aclose()
    assert await rows(postgres_dsn, _LOCKS) == [(0,)]


async def _leader_of(one: _Candidate, other: _Candidate) -> tuple[_Candidate, _Candidate]:
    """The candidate that leads, and the one that does not, once there is a leader."""
    async with asyncio.timeout(20):
        waits = [asyncio.create_task(candidate.rounds.get()) for candidate in (one, other)]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
    return (one, other) if one.maintenance.is_leader else (other, one)


async def _is_connected(dsn: str, name: str) -> bool:
    query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %(name)s AND datname = current_database()"
    return bool(await rows(dsn, query, {"name": name}))
