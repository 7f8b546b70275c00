from __future__ import annotations

import asyncio
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import OperationalError

from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer, binary_folder
from tests.support.database import rows, until, value
from tests.support.repository import ROOT
from tracedata import PermanentError

_AS_ROOT = os.geteuid() == 0
_MARK = "CREATE TABLE IF NOT EXISTS public.mark AS SELECT 1"
_MARKED = "SELECT count(*) FROM public.mark"
# Becomes the user, if one is named, starts a server, leaves a mark, says the server's process id, waits for a line, and
# stops it. The interpreter may stand where only its own user can reach it, so it is loaded first.
_SCRIPT = """
import asyncio, concurrent.futures.thread, encodings.idna, os, sys
from pathlib import Path
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from tests.support.database import rows

async def main() -> None:
    server = EmbeddedServer(EmbeddedConfig(data_dir=Path(sys.argv[1]), shared_buffers_mb=16))
    await server.start()
    await rows(server.dsn, "CREATE TABLE IF NOT EXISTS public.mark AS SELECT 1")
    print(server.pid, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await server.aclose()

for user in map(int, sys.argv[2:]):
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
asyncio.run(main())
"""
_STRANGER = "import os, psycopg, sys; os.setuid(int(sys.argv[1])); psycopg.connect(sys.argv[2])"


def _server(folder: Path) -> EmbeddedServer:
    return EmbeddedServer(EmbeddedConfig(data_dir=folder, shared_buffers_mb=16))


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[EmbeddedServer]:
    server = _server(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.aclose()


def _owner(folder: Path, *users: int) -> subprocess.Popen[str]:
    """A process that runs a server in the folder, as another user if one is named."""
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(folder), *map(str, users)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def made_folder() -> Iterator[Path]:
    """A folder with a cluster in it, shared by tests that leave it in order."""
    with tempfile.TemporaryDirectory(prefix="relayscope-") as folder:
        yield Path(folder) / "data"


async def test_an_empty_folder_becomes_a_cluster_that_keeps_its_data(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        await rows(server.dsn, _MARK)
        pid, dsn = server.pid, server.dsn
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with pytest.raises(OperationalError):
        await value(dsn, _MARKED)
    async with _running(made_folder) as server:
        assert await value(server.dsn, _MARKED) == 1


async def test_a_clean_stop_needs_no_recovery(made_folder: Path) -> None:
    async with _running(made_folder):
        pass
    log = made_folder / "postgres.log"
    before = log.stat().st_size
    async with _running(made_folder):
        pass
    assert "not properly shut down" not in log.read_text()[before:]


async def test_settings_make_commits_durable_and_the_log_discreet(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        for name, expected in {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            "log_parameter_max_length_on_error": "0",
            "TimeZone": "UTC",
            "server_encoding": "UTF8",
        }.items():
            assert await value(server.dsn, "SELECT current_setting(%(name)s)", {"name": name}) == expected, name
        assert await value(server.dsn, "SHOW data_checksums") == "on"


async def test_only_our_user_is_let_in_and_readers_with_a_password(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        rules = await rows(server.dsn, "SELECT type, database, user_name, auth_method FROM pg_hba_file_rules")
        assert rules == [
            ("local", ["all"], ["relayscope"], "peer"),
            ("local", ["postgres", "template1"], ["/^.+_ws_[0-9]+$"], "reject"),
            ("local", ["all"], ["/^.+_ws_[0-9]+$"], "scram-sha-256"),
        ]
        for line in ("pg_hba.conf", "pg_ident.conf", "relayscope.conf"):
            assert (made_folder / "postgres" / line).stat().st_mode & 0o077 == 0
        assert (made_folder / "run").stat().st_mode & 0o077 == 0
        if _AS_ROOT:
            stranger = [sys.executable, "-c", _STRANGER, str(pwd.getpwnam("nobody").pw_uid), server.dsn]
            refused = await asyncio.to_thread(subprocess.run, stranger, capture_output=True, text=True, check=False)
            assert refused.returncode != 0
            assert "OperationalError" in refused.stderr


async def test_a_folder_in_use_is_refused_by_name_of_its_owner(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        with pytest.raises(PermanentError, match=f"in use by process {os.getpid()}"):
            await _server(made_folder).start()
        assert await value(server.dsn, "SELECT 1") == 1


async def test_closing_is_idempotent_and_safe_before_start(made_folder: Path) -> None:
    server = _server(made_folder)
    await server.aclose()
    await server.start()
    await server.aclose()
    await server.aclose()
    with pytest.raises(PermanentError):
        _ = server.dsn


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "stopped by a stranger"])
async def test_a_server_that_ends_is_started_again(made_folder: Path, number: int) -> None:
    async with _running(made_folder) as server:
        await rows(server.dsn, _MARK)
        first = server.pid
        assert first is not None
        os.kill(first, number)
        await until(lambda: _answers(server, not_by=first))
        assert await value(server.dsn, _MARKED) == 1


async def _answers(server: EmbeddedServer, *, not_by: int) -> bool:
    try:
        return server.pid not in (None, not_by) and await value(server.dsn, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


async def test_a_server_does_not_outlive_its_owner_and_the_next_one_finds_the_data(made_folder: Path) -> None:
    owner = await asyncio.to_thread(_owner, made_folder)
    assert owner.stdout is not None
    pid = int(await asyncio.to_thread(owner.stdout.readline))
    owner.kill()
    await asyncio.to_thread(owner.wait)
    async with _running(made_folder) as server:
        assert await value(server.dsn, _MARKED) == 1
        assert server.pid != pid
    owner.communicate()
    assert not psutil.pid_exists(pid)


async def test_an_orphan_is_stopped(made_folder: Path) -> None:
    """A server that nobody told to stop, as where the system cannot tie a child to its parent."""
    async with _running(made_folder) as first:
        await rows(first.dsn, _MARK)
    account = (made_folder / "postgres").stat().st_uid
    orphan = subprocess.Popen(  # noqa: ASYNC220 - a moment
        [binary_folder() / "postgres", "-D", made_folder / "postgres"],
        stderr=subprocess.DEVNULL,
        user=account if _AS_ROOT else None,
        group=pwd.getpwuid(account).pw_gid if _AS_ROOT else None,
        extra_groups=[] if _AS_ROOT else None,
    )
    pid_file = made_folder / "postgres" / "postmaster.pid"
    await until(lambda: asyncio.to_thread(lambda: pid_file.exists() and "ready" in pid_file.read_text()))
    async with _running(made_folder) as server:
        assert await asyncio.to_thread(orphan.wait) == 0
        assert await value(server.dsn, _MARKED) == 1


async def test_a_lock_file_that_names_a_stranger_is_no_obstacle(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        await rows(server.dsn, _MARK)
        assert server.pid is not None
        text = (made_folder / "postgres" / "postmaster.pid").read_text()
    stale = made_folder / "postgres" / "postmaster.pid"
    # Our own process id: it lives, and it is no PostgreSQL.
    stale.write_text(text.replace(text.partition("\n")[0], str(os.getpid()), 1))
    stale.chmod(0o600)
    async with _running(made_folder) as server:
        assert await value(server.dsn, _MARKED) == 1


@pytest.mark.parametrize("content", ["", "\n", "no number\n", "999999999\n"], ids=["empty", "blank", "text", "gone"])
async def test_a_damaged_lock_file_is_no_obstacle(made_folder: Path, content: str) -> None:
    async with _running(made_folder):
        pass
    (made_folder / "postgres" / "postmaster.pid").write_text(content)
    async with _running(made_folder) as server:
        assert await value(server.dsn, "SELECT 1") == 1


async def test_an_interrupted_making_starts_over(data_folder: Path) -> None:
    draft = data_folder / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    async with _running(data_folder) as server:
        assert await value(server.dsn, "SELECT 1") == 1
    assert not draft.exists()


@pytest.mark.parametrize(
    "name", ["long" * 40, 'it\'s, "quoted" & %20 \\ here', "ünïcödé"], ids=["long", "punctuation", "not ASCII"]
)
async def test_any_folder_name_will_do(data_folder: Path, name: str) -> None:
    async with _running(data_folder / name) as server:
        assert await value(server.dsn, "SELECT 1") == 1


async def test_a_folder_that_cannot_be_made_is_named(data_folder: Path) -> None:
    (data_folder / "file").write_text("")
    with pytest.raises(PermanentError, match="cannot use the data folder"):
        await _server(data_folder / "file" / "data").start()


@pytest.mark.skipif(not _AS_ROOT, reason="only root runs it under another account")
async def test_root_runs_it_under_another_account(made_folder: Path) -> None:
    async with _running(made_folder) as server:
        assert psutil.Process(server.pid).uids().effective == pwd.getpwnam("relayscope").pw_uid


@pytest.mark.skipif(not _AS_ROOT, reason="an ordinary user runs all the other tests")
async def test_an_ordinary_user_runs_it(data_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(data_folder, nobody.pw_uid, nobody.pw_gid)
    owner = await asyncio.to_thread(_owner, data_folder, nobody.pw_uid)
    assert owner.stdout is not None
    pid = int(await asyncio.to_thread(owner.stdout.readline))
    assert psutil.Process(pid).uids().effective == nobody.pw_uid
    await asyncio.to_thread(owner.communicate, "\n")
    assert owner.returncode == 0
    assert not psutil.pid_exists(pid)


async def test_why_it_does_not_start_is_told_of_this_start(data_folder: Path) -> None:
    (data_folder / "postgres.log").write_text("LOG:  of yesterday\nFATAL:  what went wrong yesterday\n")
    silent = {"listen_addresses": "'nowhere.invalid'", "log_min_messages": "panic"}
    server = EmbeddedServer(EmbeddedConfig(data_dir=data_folder, shared_buffers_mb=16, overrides=silent))
    with pytest.raises(PermanentError, match="does not start") as failure:
        await server.start()
    assert "yesterday" not in str(failure.value)
