"""A system to do harm to: ``relayscope up`` in a process of its own, always on the same folder and ports."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path
from typing import IO

import msgspec
import psutil

from relayscope.supervisor import Pids, Ready
from tracedata import PermanentError

_COMMAND = (sys.executable, "-c", "from relayscope.entry import main; main()", "up")
_START_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 60.0
_POLL_S = 0.02
_FLAGS = {
    "--http-port": "http",
    "--jaeger-http-port": "jaeger_http",
    "--jaeger-grpc-port": "jaeger_grpc",
    "--otlp-grpc-port": "otlp_grpc",
    "--otlp-http-port": "otlp_http",
}


class Victim:
    """One system. It may die at any moment; ``start`` brings it back."""

    def __init__(self, folder: Path, *, workers: int) -> None:
        self._folder = folder
        self._workers = workers
        self._ready_file = folder / "ready.json"
        self._process: Process | None = None
        self._log: IO[bytes] | None = None
        self._ports: dict[str, int] = {}

    @property
    def ready(self) -> Ready:
        """What the ready file says now.

        Raises:
            PermanentError: the system is not ready.
        """
        try:
            return msgspec.json.decode(self._ready_file.read_bytes(), type=Ready)
        except FileNotFoundError as exc:
            raise PermanentError("the system of the soak has ended") from exc

    @property
    def log(self) -> str:
        """What all runs have printed."""
        return (self._folder / "log").read_text(errors="replace")

    def living(self) -> Pids:
        """The processes that are there, which may be fewer than there should be."""
        pids = self.ready.pids
        # A process id that was freed may be anybody's; our own children's are not freed before they are replaced.
        children = {child.pid for child in self._children() if is_alive(child.pid)}
        return Pids(
            supervisor=pids.supervisor,
            postgres=pids.postgres if pids.postgres in children else None,
            api=pids.api if pids.api in children else None,
            workers=[pid for pid in pids.workers if pid in children],
        )

    def is_whole(self) -> bool:
        """Whether every process is there, and named by the ready file."""
        if not self._ready_file.exists():
            return False
        pids = self.living()
        return pids.postgres is not None and pids.api is not None and len(pids.workers) == self._workers

    def database_processes(self) -> list[psutil.Process]:
        """The postmaster and all of its children."""
        postgres = self.living().postgres
        if postgres is None:
            return []
        try:
            postmaster = psutil.Process(postgres)
            return [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def start(self) -> None:
        """Returns when everything is ready. What an earlier run left behind may take a moment to end.

        Raises:
            PermanentError: it does not become ready.
        """
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
        await self._launch()
        while not self._ready_file.exists():
            if asyncio.get_running_loop().time() > deadline:
                raise PermanentError(f"the system of the soak does not start: {self._last_words()}")
            if self._process is not None and self._process.returncode is not None:
                # As a service manager would: the ports may still be held by workers that find out that they are alone.
                await asyncio.sleep(_POLL_S * 10)
                await self._launch()
            await asyncio.sleep(_POLL_S)
        ready = self.ready
        self._ports = {flag: getattr(ready, name) for flag, name in _FLAGS.items()}

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.terminate()
        try:
            return await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            return await process.wait()
        finally:
            self._close_log()

    async def kill(self) -> None:
        """SIGKILL for the supervisor alone; its children have to find out."""
        assert self._process is not None  # noqa: S101 - set by start
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._close_log()

    async def _launch(self) -> None:
        # A supervisor that was killed left its own behind.
        self._ready_file.unlink(missing_ok=True)
        self._close_log()
        self._log = (self._folder / "log").open("ab")
        ports = [word for flag in _FLAGS for word in (flag, str(self._ports.get(flag, 0)))]
        self._process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *("--data-dir", str(self._folder / "data"), "--workers", str(self._workers), *ports),
            *("--ready-file", str(self._ready_file)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            # Ctrl-C is for us, and we end it in order.
            start_new_session=True,
        )

    def _children(self) -> list[psutil.Process]:
        if self._process is None or self._process.returncode is not None:
            return []
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def _last_words(self) -> str:
        lines = self.log.strip().splitlines()
        return lines[-1] if lines else "it says nothing"


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
