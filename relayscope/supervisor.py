"""All processes of one ``relayscope up``: PostgreSQL, ingest workers, API; started, watched and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from relayscope.actor import actor
from relayscope.database import Database, assert_durable, build_database, migrate_schema
from relayscope.loop import refuse_own_ports
from relayscope.metrics import forget_gauges
from relayscope.price import prepare_prices
from relayscope.process import Announcement, Role, Specification
from relayscope.ready_file import ReadyFile
from relayscope.redaction import prepare_redaction, record_policy
from relayscope.run import ChildState, RunFolder, RunState
from relayscope.settings import Settings
from relayscope.settings.value import split_endpoint
from tracedata import CallerError, PermanentError, RelayscopeError

_log = logging.getLogger(__name__)

_START_TIMEOUT_S = 60.0
_STOP_MARGIN_S = 15.0
_FIRST_BACKOFF_S = 0.1
_MAX_BACKOFF_S = 10.0
# A process that has served this long was not started in vain: whatever ended it, the next one starts at once.
_SETTLED_S = 1.0

# The C library keeps what was freed in a pool per thread; a second one is enough for the few threads of a process.
_MEMORY = {"MALLOC_ARENA_MAX": "2"}

# Where each port stands in the settings, and the flag that changes it.
_PORTS = {
    "http": (("service", "http", "endpoint"), "--http-port"),
    "jaeger_http": (("service", "jaeger", "http"), "--jaeger-http-port"),
    "jaeger_grpc": (("service", "jaeger", "grpc"), "--jaeger-grpc-port"),
    "otlp_grpc": (("receivers", "otlp", "protocols", "grpc", "endpoint"), "--otlp-grpc-port"),
    "otlp_http": (("receivers", "otlp", "protocols", "http", "endpoint"), "--otlp-http-port"),
}


class Pids(msgspec.Struct, frozen=True, kw_only=True):
    """Process ids; ``postgres`` is none when the database is not ours."""

    supervisor: int
    postgres: int | None
    api: int | None
    workers: list[int]


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--ready-file`` holds. The URL can carry a password, so the file is readable by its owner only."""

    http: int
    jaeger_http: int
    jaeger_grpc: int
    otlp_grpc: int
    otlp_http: int
    database_url: str
    pids: Pids


class Backoff:
    """How long to wait before a process that has ended is started again."""

    def __init__(self) -> None:
        self._next_s = _FIRST_BACKOFF_S

    def pause_after(self, served_s: float) -> float:
        """Nothing after a process that has served for a while; else twice as long as the time before, up to a bound."""
        if served_s >= _SETTLED_S:
            self._next_s = _FIRST_BACKOFF_S
            return 0.0
        pause_s = self._next_s
        self._next_s = min(pause_s * 2, _MAX_BACKOFF_S)
        return pause_s


class Supervisor:
    """Owns every process of a running system.

    A child that ends by itself is started again: at once when it had served for a while, with growing pauses when not.
    """

    def __init__(self, settings: Settings, *, on_change: Callable[[Ready], None] | None = None) -> None:
        self._settings = settings
        self._on_change = on_change
        self._database: Database | None = None
        self._dsn = settings.storage.database_url or ""
        self._reserved: dict[str, socket.socket] = {}
        self._children: list[_Child] = []
        self._run = RunFolder()
        self._is_ready = False

    @property
    def ready(self) -> Ready:
        """Ports and process ids as they are now."""
        ports = {name: reserved.getsockname()[1] for name, reserved in self._reserved.items()}
        workers = [child.pid for child in self._children if child.role == "ingest" and child.pid]
        api = next((child.pid for child in self._children if child.role == "api"), None)
        postgres = self._database.pid if self._database else None
        pids = Pids(supervisor=os.getpid(), postgres=postgres, api=api, workers=workers)
        return Ready(**ports, database_url=self._dsn, pids=pids)

    async def start(self) -> None:
        """Starts everything and returns when all of it is ready.

        Raises:
            RelayscopeError: something cannot start; whatever had started is stopped, and the message says what to do.
        """
        try:
            # A Relayscope on the same folder holds the ports too, but it is the folder that two cannot share.
            if self._settings.storage.database_url is None:
                self._database = build_database(self._settings, on_restart=self._announce)
                self._database.claim()
            settings = self._reserve_ports()
            refuse_own_ports(settings)
            prepare_redaction(settings)
            prepare_prices(settings)
            _warn_of_bare_data(settings)
            if self._database is not None:
                await self._database.start()
                self._dsn = self._database.dsn
            if not settings.storage.allow_data_loss_on_crash:
                await assert_durable(self._dsn)
            for name in (await migrate_schema(self._dsn)).applied:
                _log.info("applied migration %s", name)
            await record_policy(settings, self._dsn, actor=actor())
            self._run.start()
            self._children = self._make_children(settings)
            self._tell_state()
            async with asyncio.TaskGroup() as starts:
                for child in self._children:
                    starts.create_task(child.start())
        except BaseExceptionGroup as group:
            await self.aclose()
            raise _first(group) from group
        except BaseException:
            await self.aclose()
            raise
        self._is_ready = True
        self._tell_state()
        if self._on_change is not None:
            self._on_change(self.ready)

    def _make_children(self, settings: Settings) -> list[_Child]:
        places: list[tuple[Role, str]] = [("api", "api")]
        places += [("ingest", f"ingest-{number}") for number in range(settings.service.workers)]
        json, run_dir = settings.model_dump_json(), str(self._run.path)
        return [
            _Child(
                Specification(role=role, settings=json, dsn=self._dsn, slot=slot, run_dir=run_dir),
                on_start=self._announce,
                on_change=self._tell_state,
            )
            for role, slot in places
        ]

    async def aclose(self) -> None:
        """Workers drain and commit, then the API ends, then PostgreSQL. Idempotent."""
        self._is_ready = False
        timeout_s = self._settings.service.shutdown_grace_s + _STOP_MARGIN_S
        for child in self._children:
            await child.let_go()
        for role in ("ingest", "api"):
            await asyncio.gather(*(child.aclose(timeout_s) for child in self._children if child.role == role))
        self._children = []
        self._run.close()
        if self._database is not None:
            await self._database.aclose()
            self._database = None
        for reserved in self._reserved.values():
            reserved.close()
        self._reserved = {}

    def _announce(self) -> None:
        """Tells of a process that was replaced. It serves, even when that cannot be written."""
        try:
            if self._is_ready and self._on_change is not None:
                self._on_change(self.ready)
        except RelayscopeError as exc:
            _log.error("%s", exc)

    def _tell_state(self) -> None:
        """Lets the API know who is up."""
        if self._run.is_open:
            self._run.write(RunState(children=[child.state for child in self._children]))

    def _reserve_ports(self) -> Settings:
        """Holds every port for our children, who share it; returns settings in which no port is 0 any more."""
        tree = self._settings.model_dump(mode="json")
        taken: list[str] = []
        for name, (path, flag) in _PORTS.items():
            *folders, leaf = path
            section = tree
            for folder in folders:
                section = section[folder]
            host, port = split_endpoint(section[leaf])
            try:
                self._reserved[name] = _reserve(host, port)
            except (socket.gaierror, UnicodeError) as exc:
                raise CallerError(f"cannot listen on {host}: no host has this name; name another with --host") from exc
            except OSError as exc:
                if exc.errno == errno.EADDRNOTAVAIL:
                    raise CallerError(
                        f"cannot listen on {host}: it is no address of this machine; name one that is with --host"
                    ) from exc
                taken.append(f"{host}:{port} ({exc.strerror}, {flag})")
                continue
            bracketed = f"[{host}]" if ":" in host else host
            section[leaf] = f"{bracketed}:{self._reserved[name].getsockname()[1]}"
        if taken:
            raise PermanentError(
                f"cannot listen on {', '.join(taken)}; stop what uses {'it' if len(taken) == 1 else 'them'}, or choose "
                f"{'another port with the flag' if len(taken) == 1 else 'other ports with the flags'}"
            )
        return Settings(**tree)


class _Child:
    """One process, kept alive."""

    def __init__(
        self, specification: Specification, *, on_start: Callable[[], None], on_change: Callable[[], None]
    ) -> None:
        self.role = specification.role
        self._specification = specification
        self._on_start = on_start
        self._on_change = on_change
        self._is_up = False
        self._restarts = 0
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def state(self) -> ChildState:
        slot = self._specification.slot
        return ChildState(slot=slot, role=self.role, is_up=self._is_up, restarts=self._restarts)

    async def start(self) -> None:
        await self._launch()
        self._is_up = True
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.role}")

    async def let_go(self) -> None:
        """From here on the end of the process is no accident."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def aclose(self, timeout_s: float) -> None:
        """Asks the process to drain and end, and ends it when it takes too long."""
        await self.let_go()
        if self._process is not None:
            await _end(self._process, timeout_s)

    async def _launch(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "relayscope.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**_MEMORY, **os.environ},
            # Signals of a terminal or a process group reach us only: we decide who ends when.
            start_new_session=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._process.stdin.write(msgspec.json.encode(self._specification) + b"\n")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), _START_TIMEOUT_S)
        except TimeoutError as exc:
            self._process.kill()
            raise PermanentError(f"the {self.role} process does not become ready") from exc
        if not line:
            raise PermanentError(f"the {self.role} process ended with code {await self._process.wait()}")
        announcement = msgspec.json.decode(line, type=Announcement)
        if not announcement.ready:
            await self._process.wait()
            raise PermanentError(announcement.error)

    async def _keep(self) -> None:
        now = asyncio.get_running_loop().time
        backoff = Backoff()
        ready_at: float | None = now()
        while True:
            assert self._process is not None  # noqa: S101 - set by start, which made this task
            code = await self._process.wait()
            self._is_up = False
            forget_gauges(Path(self._specification.run_dir), slot=self._specification.slot)
            self._on_change()
            pause_s = backoff.pause_after(0.0 if ready_at is None else now() - ready_at)
            _log.error("the %s process ended with code %s; starting it again in %.1f s", self.role, code, pause_s)
            await asyncio.sleep(pause_s)
            try:
                await self._launch()
            except (RelayscopeError, OSError) as exc:
                ready_at = None
                _log.error("%s", exc)
            else:
                ready_at = now()
                self._is_up = True
                self._restarts += 1
                self._on_change()
                self._on_start()


@contextlib.asynccontextmanager
async def running_system(settings: Settings, *, ready_file: Path | None = None) -> AsyncIterator[Ready]:
    """A system for the time of the block; ``ready_file`` says where it is, and is removed at the end.

    Raises:
        CallerError: the ready file cannot be written; nothing was started.
        RelayscopeError: see ``Supervisor.start``.
    """
    file = ReadyFile(ready_file) if ready_file is not None else None

    def write(ready: Ready) -> None:
        if file is not None:
            file.write(msgspec.json.format(msgspec.json.encode(ready)) + b"\n")

    if file is not None:
        file.prepare()
    supervisor = Supervisor(settings, on_change=write)
    try:
        await supervisor.start()
        yield supervisor.ready
    finally:
        if file is not None:
            file.remove()
        await supervisor.aclose()


def _warn_of_bare_data(settings: Settings) -> None:
    if settings.processors.redaction.enabled:
        return
    _log.warning("redaction is switched off: personal data and secrets are stored as they come")
    if settings.exporters:
        _log.warning("they are also sent on as they come, to %s", ", ".join(settings.exporters))


def _reserve(host: str, port: int) -> socket.socket:
    """Raises ``OSError`` when somebody has the port, or the host is none of ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port:
        # Without SO_REUSEPORT this fails when anyone listens, even another Relayscope that would share the port.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    reserved = socket.socket(family)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved


async def _end(process: Process, timeout_s: float) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError:
        _log.error("process %s does not end in time and is killed", process.pid)
        process.kill()
        await process.wait()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
