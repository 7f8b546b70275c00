from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from relayscope.cli.stoppable import run_until_stopped

_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
_TURNS = 10


async def _take_turns() -> None:
    """Lets the event loop see the signals that have come."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)


@contextmanager
def _ignored(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_the_result_comes_back() -> None:
    async def job() -> int:
        await _take_turns()
        return 7

    assert run_until_stopped(job()) == 7


@pytest.mark.parametrize("later", _SIGNALS, ids=lambda number: f"then {number.name}")
@pytest.mark.parametrize("first", _SIGNALS, ids=lambda number: number.name)
def test_later_signals_do_not_abandon_the_end(first: signal.Signals, later: signal.Signals) -> None:
    ended = []

    async def job() -> int:
        try:
            os.kill(os.getpid(), first)
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                os.kill(os.getpid(), later)
                await _take_turns()
            ended.append("in order")
        return 7

    assert run_until_stopped(job()) is None
    assert ended == ["in order"]


@pytest.mark.parametrize("number", _SIGNALS, ids=lambda number: number.name)
def test_a_signal_that_is_ignored_stays_so(number: signal.Signals) -> None:
    async def job() -> int:
        os.kill(os.getpid(), number)
        await _take_turns()
        return 7

    with _ignored(number):
        assert run_until_stopped(job()) == 7
