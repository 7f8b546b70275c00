"""What the soak does to a running system, by name, and which faults a run of given size takes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence

from relayscope.bench.victim import Victim, is_alive

# Short enough that no sender gives up waiting for an answer, and longer than any commit.
SHORT_OUTAGE_S = 1.5
_END_TIMEOUT_S = 10.0
_POLL_S = 0.005

# Does its harm, and says whether there was anything to harm.
Fault = Callable[[Victim, random.Random], Awaitable[bool]]


async def _kill_worker(victim: Victim, dice: random.Random) -> bool:
    workers = victim.living().workers
    return bool(workers) and await _ended(dice.choice(workers), signal.SIGKILL)


async def _kill_api(victim: Victim, _: random.Random) -> bool:
    return await _ended(victim.living().api, signal.SIGKILL)


async def _stop_postgres(victim: Victim, _: random.Random) -> bool:
    """What ``pg_ctl -m immediate stop`` does: no checkpoint, no farewell, recovery at the next start."""
    return await _ended(victim.living().postgres, signal.SIGQUIT)


async def _kill_postgres(victim: Victim, _: random.Random) -> bool:
    return await _ended(victim.living().postgres, signal.SIGKILL)


async def _kill_supervisor(victim: Victim, _: random.Random) -> bool:
    await victim.kill()
    # At once, while the children still find out.
    await victim.start()
    return True


def outage(seconds: float) -> Fault:
    """The database freezes: connections stay open, and nothing comes back over them."""

    async def freeze(victim: Victim, _: random.Random) -> bool:
        frozen = [process for process in victim.database_processes() if _signalled(process.pid, signal.SIGSTOP)]
        try:
            await asyncio.sleep(seconds)
        finally:
            for process in frozen:
                # A stranger with the same number has another time of birth.
                if process.is_running():
                    _signalled(process.pid, signal.SIGCONT)
        return bool(frozen)

    return freeze


async def _ended(pid: int | None, number: signal.Signals) -> bool:
    """Returns when the process is gone, so that nobody takes it for the one that replaces it."""
    if not _signalled(pid, number):
        return False
    deadline = time.monotonic() + _END_TIMEOUT_S
    while pid is not None and is_alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - it is no child of ours
        await asyncio.sleep(_POLL_S)
    return True


def _signalled(pid: int | None, number: signal.Signals) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


FAULTS: dict[str, Fault] = {
    "worker killed": _kill_worker,
    "PostgreSQL stopped (immediate)": _stop_postgres,
    "PostgreSQL killed": _kill_postgres,
    "API killed": _kill_api,
    "supervisor killed": _kill_supervisor,
    "database frozen": outage(SHORT_OUTAGE_S),
}
WORKER, STOP = "worker killed", "PostgreSQL stopped (immediate)"
# In this ratio when the run is measured in time, not in faults.
_WEIGHTS = {WORKER: 60, STOP: 15, "PostgreSQL killed": 8, "API killed": 8, "supervisor killed": 4, "database frozen": 5}
# So many of the rest for every hundred of the two that were asked for.
_PER_HUNDRED = {"PostgreSQL killed": 3, "API killed": 3, "supervisor killed": 2, "database frozen": 2}


def endless(dice: random.Random) -> Callable[[], str]:
    """Draws one name after the other."""
    return lambda: dice.choices(list(_WEIGHTS), weights=list(_WEIGHTS.values()))[0]


def counted(dice: random.Random, *, worker_kills: int, postgres_stops: int) -> Sequence[str]:
    """So many of the two, some of every other kind, in any order."""
    names = [WORKER] * worker_kills + [STOP] * postgres_stops
    for name, share in _PER_HUNDRED.items():
        names += [name] * max(1, len(names) * share // 100)
    dice.shuffle(names)
    return names
