"""What is told of a database that cannot be reached, and when it is tried again; leading is tested with a database."""

from __future__ import annotations

import asyncio
import logging

import psycopg
import pytest

from storage.postgres.leadership import Connection, Leadership, LeadershipConfig
from tracedata import RelayscopeError, RetryableError

_log = logging.getLogger(__name__)


class Place:
    """Cannot be reached; ``asked_twice`` is set when somebody has tried again."""

    def __init__(self, error: Exception) -> None:
        self.asked_twice = asyncio.Event()
        self._error = error
        self._asked = 0

    async def __aenter__(self) -> Connection:
        self._asked += 1
        if self._asked > 1:
            self.asked_twice.set()
            await asyncio.Event().wait()
        raise self._error

    async def __aexit__(self, *_: object) -> None:
        """Nobody comes so far."""


async def _never(_connection: Connection) -> None:
    pytest.fail("nobody leads without a connection")


def _leadership(place: Place, *, foreseen: tuple[type[RelayscopeError], ...] = ()) -> Leadership:
    config = LeadershipConfig(
        lock="test", task="work", subject="the work", waiting="the work waits", retry_s=0.0, foreseen=foreseen
    )
    return Leadership(config, connected=lambda: place, serve=_never, log=_log)


@pytest.mark.parametrize(
    ("error", "foreseen", "level", "begin"),
    [
        (psycopg.OperationalError("secret"), (), "WARNING", "the work waits: database error OperationalError"),
        (RetryableError("in our words"), (RelayscopeError,), "WARNING", "the work waits: in our words"),
        (RetryableError("secret"), (), "ERROR", "the work failed unexpectedly: RetryableError\n"),
        (ValueError("secret"), (RelayscopeError,), "ERROR", "the work failed unexpectedly: ValueError\n"),
    ],
    ids=["database", "foreseen", "ours but not foreseen", "unforeseen"],
)
async def test_whatever_goes_wrong_is_told_and_tried_again(
    error: Exception,
    foreseen: tuple[type[RelayscopeError], ...],
    level: str,
    begin: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = Place(error)
    leadership = _leadership(place, foreseen=foreseen)
    await leadership.start()
    async with asyncio.timeout(5):
        await place.asked_twice.wait()
    assert "work" in {task.get_name() for task in asyncio.all_tasks()}
    await leadership.aclose()
    await leadership.aclose()

    [record] = caplog.records
    assert (record.levelname, record.name) == (level, __name__)
    assert record.getMessage().startswith(begin)
    assert "secret" not in record.getMessage()
    assert "work" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_who_never_started_is_closed_and_does_not_lead() -> None:
    leadership = _leadership(Place(ValueError()))
    await leadership.aclose()
    assert not leadership.is_leader
