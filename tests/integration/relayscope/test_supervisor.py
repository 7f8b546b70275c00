from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from relayscope.settings import Settings, load_settings
from relayscope.settings.file import Tree
from relayscope.supervisor import Ready, Supervisor, running_system
from tests.support.database import until
from tracedata import PermanentError, RelayscopeError

_PORTS = ("http", "jaeger_http", "jaeger_grpc", "otlp_grpc", "otlp_http")
_LISTENING = ("http", "jaeger_http", "otlp_grpc", "otlp_http")


def _settings(database_url: str | None, **endpoints: int) -> Settings:
    """Two workers, every port any free one unless named."""
    at = {name: f"127.0.0.1:{endpoints.get(name, 0)}" for name in _PORTS}
    tree: Tree = {
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": at["otlp_grpc"]}, "http": {"endpoint": at["otlp_http"]}}}
        },
        "storage": {"database_url": database_url, "allow_data_loss_on_crash": True},
        "service": {
            "http": {"endpoint": at["http"]},
            "jaeger": {"http": at["jaeger_http"], "grpc": at["jaeger_grpc"]},
            "logs": {"level": "warning"},
            "workers": 2,
            "shutdown_grace_s": 1,
        },
    }
    return load_settings(flags=tree)


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _children() -> set[int]:
    """Our processes that run a role."""
    return {child.pid for child in psutil.Process().children() if _runs_a_role(child)}


def _runs_a_role(process: psutil.Process) -> bool:
    try:
        return "relayscope.process" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


@contextmanager
def _taken_port() -> Iterator[int]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def _read(path: Path) -> Ready:
    return msgspec.json.decode(path.read_bytes(), type=Ready)


async def test_a_system_comes_up_and_leaves_nothing_behind(shared_postgres_dsn: str, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    async with running_system(_settings(shared_postgres_dsn), ready_file=ready_file) as ready:
        assert _read(ready_file) == ready
        assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
        assert ready.database_url == shared_postgres_dsn
        assert ready.pids.supervisor == os.getpid()
        assert ready.pids.postgres is None
        assert _children() == {ready.pids.api, *ready.pids.workers}
        assert len(ready.pids.workers) == 2
        ports = [getattr(ready, name) for name in _PORTS]
        assert len(set(ports)) == len(_PORTS)
        for name in _LISTENING:
            _, writer = await asyncio.open_connection("127.0.0.1", getattr(ready, name))
            writer.close()
            await writer.wait_closed()
    assert not ready_file.exists()
    assert _children() == set()
    assert [port for port in ports if not _is_free(port)] == []


_VICTIMS: dict[str, Callable[[Ready], int | None]] = {
    "worker": lambda ready: ready.pids.workers[0],
    "api": lambda ready: ready.pids.api,
}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped by a stranger"])
@pytest.mark.parametrize("victim", _VICTIMS.values(), ids=_VICTIMS.keys())
async def test_a_child_that_ends_is_started_again(
    shared_postgres_dsn: str, tmp_path: Path, victim: Callable[[Ready], int | None], number: int
) -> None:
    ready_file = tmp_path / "ready.json"
    async with running_system(_settings(shared_postgres_dsn), ready_file=ready_file) as before:
        gone = victim(before)
        assert gone is not None
        os.kill(gone, number)

        async def is_replaced() -> bool:
            pids = _read(ready_file).pids
            return gone not in (pids.api, *pids.workers) and pids.api is not None and len(pids.workers) == 2

        await until(is_replaced)
        after = _read(ready_file)
        assert _children() == {after.pids.api, *after.pids.workers}
        assert [getattr(after, name) for name in _PORTS] == [getattr(before, name) for name in _PORTS]
        for name in _LISTENING:
            _, writer = await asyncio.open_connection("127.0.0.1", getattr(after, name))
            writer.close()
            await writer.wait_closed()
    assert _children() == set()


@pytest.mark.parametrize("name", _PORTS)
async def test_a_taken_port_stops_the_start_with_the_flag_to_use(shared_postgres_dsn: str, name: str) -> None:
    with _taken_port() as port:
        supervisor = Supervisor(_settings(shared_postgres_dsn, **{name: port}))
        with pytest.raises(PermanentError, match=f"{port}.*--{name.replace('_', '-')}-port"):
            await supervisor.start()
        assert _children() == set()
        assert supervisor._reserved == {}


async def test_all_taken_ports_are_told_at_once(shared_postgres_dsn: str) -> None:
    with _taken_port() as one, _taken_port() as other:
        supervisor = Supervisor(_settings(shared_postgres_dsn, http=one, otlp_http=other))
        with pytest.raises(PermanentError, match=rf"{one} .*--http-port.*{other} .*--otlp-http-port"):
            await supervisor.start()
        assert supervisor._reserved == {}


async def test_two_systems_do_not_share_a_port(shared_postgres_dsn: str) -> None:
    async with running_system(_settings(shared_postgres_dsn)) as first:
        children = _children()
        with pytest.raises(PermanentError, match="--otlp-grpc-port"):
            await Supervisor(_settings(shared_postgres_dsn, otlp_grpc=first.otlp_grpc)).start()
        assert _children() == children


async def test_a_child_that_cannot_start_stops_everything(
    shared_postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Children are found through the interpreter's path; where the package is not, they end at once.
    (tmp_path / "relayscope").mkdir()
    (tmp_path / "relayscope" / "__init__.py").write_text("raise SystemExit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    supervisor = Supervisor(_settings(shared_postgres_dsn))
    with pytest.raises(PermanentError, match="process ended with code 7"):
        await supervisor.start()
    assert _children() == set()
    assert supervisor._reserved == {}


async def test_a_database_that_cannot_be_reached_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    with pytest.raises(RelayscopeError) as refused:
        async with running_system(_settings("postgresql://u:canary@127.0.0.1:1/none"), ready_file=ready_file):
            pytest.fail("nothing runs")
    assert "canary" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not ready_file.exists()
    assert _children() == set()


async def test_a_database_that_can_lose_data_is_refused_unless_told(shared_postgres_dsn: str) -> None:
    settings = _settings(shared_postgres_dsn)
    storage = settings.storage.model_copy(update={"allow_data_loss_on_crash": False})
    with pytest.raises(PermanentError, match="--allow-data-loss-on-crash"):
        await Supervisor(settings.model_copy(update={"storage": storage})).start()
    assert _children() == set()


async def test_closing_is_idempotent_and_safe_before_start(shared_postgres_dsn: str) -> None:
    supervisor = Supervisor(_settings(shared_postgres_dsn))
    await supervisor.aclose()
    await supervisor.start()
    await supervisor.aclose()
    await supervisor.aclose()
    assert _children() == set()


async def test_children_end_with_their_supervisor(shared_postgres_dsn: str) -> None:
    """Whatever ends it: the closing of their standard input is enough."""
    supervisor = Supervisor(_settings(shared_postgres_dsn))
    await supervisor.start()
    children = _children()
    for child in supervisor._children:
        await child.let_go()
        assert child._process is not None
        assert child._process.stdin is not None
        child._process.stdin.close()
    for child in supervisor._children:
        assert child._process is not None
        assert await asyncio.wait_for(child._process.wait(), 20) == 0
    assert children
    assert _children() == set()
    await supervisor.aclose()


async def test_an_embedded_database_is_started_and_stopped_with_the_rest(data_folder: Path) -> None:
    settings = _settings(None)
    own = settings.model_copy(
        update={
            "storage": settings.storage.model_copy(
                update={"database_url": None, "data_dir": data_folder, "shared_buffers_mb": 16}
            )
        }
    )
    async with running_system(own) as ready:
        assert ready.pids.postgres is not None
        assert psutil.Process(ready.pids.postgres).name() == "postgres"
    assert not psutil.pid_exists(ready.pids.postgres)
