"""The soak: processes of a running system die at random moments under load, and every span is accounted for."""

from __future__ import annotations

import asyncio
import os
import platform
import random
import re
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from relayscope.bench.fault import FAULTS, SHORT_OUTAGE_S, WORKER, counted, endless, outage
from relayscope.bench.soak_load import Order, Outcome, Progress
from relayscope.bench.victim import Victim
from storage.postgres.reconciliation import Reconciliation, reconcile
from tracedata import PermanentError

# Faults come this long after the one before, on purpose also while the system still recovers from it.
_PAUSE_S = (0.05, 0.8)
_NO_PATIENCE = 0.5
_RECOVERY_TIMEOUT_S = 60.0
_POLL_S = 0.02
_CHECKPOINTS = 4
_ATTEMPTS = 20
_TRACEBACK = re.compile(r"^Traceback .*\n(?: .*\n)*.*", re.MULTILINE)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """For so many minutes, or so many faults. The same seed makes the same faults in the same order."""

    minutes: float | None = None
    worker_kills: int = 0
    postgres_stops: int = 0
    outage_s: float = SHORT_OUTAGE_S
    workers: int = 2
    senders: int = 12
    seed: int = 1


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How often a fault was made, and how long until all processes were there and spans acknowledged again.

    Times are 0 when nobody has waited for that.
    """

    count: int
    median_s: float
    longest_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and the sum. ``is_clean``: nothing lost, nothing twice, no answer that must not be."""

    started: str
    machine: str
    plan: Plan
    seconds: float
    faults: Mapping[str, Recovery]
    checkpoints: int
    load: Progress
    sum: Reconciliation
    tracebacks: Sequence[str]
    exit_code: int

    @property
    def complaints(self) -> Sequence[str]:
        """What is not as it must be, worst first; nothing when the run is clean."""
        is_exact = self.sum.is_exact and self.sum.acknowledged == self.load.acknowledged
        found = {
            "the sum is not exact": not is_exact,
            f"{self.load.faulty} answers were wrong": self.load.faulty,
            f"{len(self.tracebacks)} stack traces are in the log": self.tracebacks,
            f"the exit code was {self.exit_code}": self.exit_code,
        }
        return [complaint for complaint, is_so in found.items() if is_so]

    @property
    def is_clean(self) -> bool:
        return not self.complaints


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands; ``done`` goes from 0 to 1."""

    done: float
    faults: int
    worker_kills: int
    acknowledged: int
    event: str = ""


async def soak(plan: Plan, *, tell: Callable[[State], None]) -> Report:
    """Starts a system of its own in a temporary folder, and harms it; ``tell`` hears of every fault.

    Raises:
        RelayscopeError: the system does not start, or does not come back after a fault.
    """
    started, begun = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relayscope-soak-") as name:
        folder = Path(name)
        victim = Victim(folder, workers=plan.workers)
        try:
            await victim.start()
            async with _load(plan, victim) as load:
                run = _Run(plan, victim, load, folder=folder, tell=tell)
                await run.harm()
                progress = await load.stop()
                account = await load.account(folder)
            # What senders gave up may still be on its way: a stop in order commits it.
            exit_code = await victim.stop()
            await victim.start()
            total = await reconcile(victim.ready.database_url, account, acknowledged=Outcome.ACKNOWLEDGED)
            exit_code = exit_code or await victim.stop()
        finally:
            await victim.stop()
        tracebacks = _tracebacks(victim.log)
    return Report(
        started=started,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        plan=plan,
        seconds=time.monotonic() - begun,
        faults=run.recoveries(),
        checkpoints=run.checkpoints,
        load=progress,
        sum=total,
        tracebacks=tracebacks,
        exit_code=exit_code,
    )


class _Load:
    """The load process, from outside."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._process = process
        self._input, self._output = process.stdin, process.stdout

    async def progress(self) -> Progress:
        return await self._ask("")

    async def account(self, folder: Path) -> bytes:
        """The account of this moment."""
        path = folder / "account"
        await self._ask(str(path))
        return await asyncio.to_thread(path.read_bytes)

    async def stop(self) -> Progress:
        """Waits until no sender waits for an answer any more; the account can still be asked for."""
        return await self._ask("stop")

    async def _ask(self, wish: str) -> Progress:
        self._input.write(wish.encode() + b"\n")
        line = await self._output.readline()
        if not line:
            raise PermanentError("the load process has ended")
        return msgspec.json.decode(line, type=Progress)


@asynccontextmanager
async def _load(plan: Plan, victim: Victim) -> AsyncIterator[_Load]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relayscope.bench.soak_load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        load = _Load(process)
        ready = victim.ready
        order = Order(grpc_port=ready.otlp_grpc, http_port=ready.otlp_http, seed=plan.seed, senders=plan.senders)
        load._input.write(msgspec.json.encode(order) + b"\n")  # noqa: SLF001 - the line before all others
        yield load
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class _Run:
    def __init__(self, plan: Plan, victim: Victim, load: _Load, *, folder: Path, tell: Callable[[State], None]) -> None:
        self._plan = plan
        self._victim = victim
        self._load = load
        self._folder = folder
        self._tell = tell
        self._dice = random.Random(plan.seed)
        self._faults = {**FAULTS, "database frozen": outage(plan.outage_s)}
        self._times: dict[str, list[float]] = {name: [] for name in FAULTS}
        self._counts: Counter[str] = Counter()
        self.checkpoints = 0

    async def harm(self) -> None:
        """Makes every fault, then waits until the system is whole."""
        await self._until_acknowledged(0)
        for name, done in self._planned():
            await asyncio.sleep(self._dice.uniform(*_PAUSE_S))
            await self._make(name)
            if done * _CHECKPOINTS >= self.checkpoints + 1:
                await self._check()
            await self._report(name, done)
        await self._recover()

    def recoveries(self) -> dict[str, Recovery]:
        return {
            name: Recovery(
                count=count, median_s=_median(self._times[name]), longest_s=max(self._times[name], default=0.0)
            )
            for name, count in self._counts.items()
        }

    def _planned(self) -> Iterator[tuple[str, float]]:
        """Names of faults, and which part of the run is over after each."""
        plan = self._plan
        if plan.minutes is None:
            names = counted(self._dice, worker_kills=plan.worker_kills, postgres_stops=plan.postgres_stops)
            for number, name in enumerate(names, start=1):
                yield name, number / len(names)
            return
        begun, draw = time.monotonic(), endless(self._dice)
        while (passed := time.monotonic() - begun) < plan.minutes * 60:
            yield draw(), passed / (plan.minutes * 60)

    async def _make(self, name: str) -> None:
        begun = time.monotonic()
        for _ in range(_ATTEMPTS):
            if await self._faults[name](self._victim, self._dice):
                break
            # The one before has left nothing to harm.
            await self._recover()
        else:
            raise PermanentError(f"there is nothing to harm: {name}")
        self._counts[name] += 1
        # A worker may be killed while the system still recovers from the fault before: it dies under others' feet.
        if name == WORKER and self._dice.random() < _NO_PATIENCE:
            return
        before = (await self._load.progress()).acknowledged
        await self._recover()
        await self._until_acknowledged(before)
        self._times[name].append(time.monotonic() - begun)

    async def _recover(self) -> None:
        await _until(self._is_whole, "the system does not become whole again")

    async def _is_whole(self) -> bool:
        return self._victim.is_whole()

    async def _until_acknowledged(self, count: int) -> None:
        async def is_more() -> bool:
            return (await self._load.progress()).acknowledged > count

        await _until(is_more, "nothing is acknowledged any more")

    async def _check(self) -> None:
        """What is acknowledged by now is stored by now, and nothing twice. Traffic goes on meanwhile."""
        await self._recover()
        account = await self._load.account(self._folder)
        now = await reconcile(self._victim.ready.database_url, account, acknowledged=Outcome.ACKNOWLEDGED)
        if now.lost or now.duplicated:
            raise PermanentError(f"{now.lost} acknowledged spans are lost, {now.duplicated} are stored twice")
        self.checkpoints += 1

    async def _report(self, name: str, done: float) -> None:
        state = State(
            done=done,
            faults=self._counts.total(),
            worker_kills=self._counts[WORKER],
            acknowledged=(await self._load.progress()).acknowledged,
            event=name,
        )
        self._tell(state)


def _tracebacks(log: str) -> list[str]:
    """The stack traces in a log, each up to the line that names the error. A fault is no reason to print one."""
    return [trace.group() for trace in _TRACEBACK.finditer(log)]


def _median(times: Sequence[float]) -> float:
    return statistics.median(times) if times else 0.0


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Returns once the condition holds: processes that start announce themselves to nobody but the ready file."""
    deadline = time.monotonic() + _RECOVERY_TIMEOUT_S
    while not await condition():
        if time.monotonic() > deadline:
            raise PermanentError(f"{what}, for {_RECOVERY_TIMEOUT_S:.0f} s")
        await asyncio.sleep(_POLL_S)
