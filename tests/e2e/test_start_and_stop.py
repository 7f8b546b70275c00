"""Starting, stopping and starting again; what cannot start says why in one sentence."""

from __future__ import annotations

import signal
import socket
import stat
from pathlib import Path

import psutil
import pytest

from tests.support.canonical import same_spans
from tests.support.exporter import Exporter, Transport
from tests.support.factory import full_span
from tests.support.invocation import invoke
from tests.support.rest_answer import spans_of_trace
from tests.support.system import ANY_PORTS, System, is_alive, run
from tests.support.waiting import wait_until

_FLAGS = ("--http-port", "--jaeger-http-port", "--jaeger-grpc-port", "--otlp-grpc-port", "--otlp-http-port")


def test_a_restart_keeps_the_data(data_folder: Path) -> None:
    system = System(data_folder)
    sent = full_span(redactions={}, redacted_keys={}, redaction_policy="")
    with system, Exporter(system.ready, Transport("grpc")) as exporter:
        before = system.ready.pids
        exporter.export([sent])
        assert system.stop() == 0
        assert not any(is_alive(pid) for pid in (*before.workers, before.api or 0, before.postgres or 0) if pid)

        system.start()

        found = spans_of_trace(system.get(f"/api/v1/traces/{sent.trace_id.hex()}"))
        services = system.jaeger("/api/services")
    assert same_spans(found, [sent])
    assert services == ["checkout"]
    assert system.log.count("\nStopped.\n") == 2
    assert "Traceback" not in system.log


def test_sigterm_while_starting_leaves_nothing_behind(data_folder: Path) -> None:
    system = System(data_folder)
    system.launch()
    wait_until((system.data_dir / "postgres.new").exists, "the cluster is being made")

    assert system.stop() == 0

    assert "Traceback" not in system.log
    assert [process for process in psutil.process_iter(["cmdline"]) if _names(process, system.data_dir)] == []


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_an_impatient_user_does_not_abandon_the_stop(data_folder: Path, first: signal.Signals) -> None:
    system = System(data_folder, workers=1)
    system.start()

    system.signal(first)
    wait_until(lambda: "Stopping" in system.log, "the system stops")
    system.signal(signal.SIGINT)

    assert system.stop() == 0
    assert "Traceback" not in system.log
    assert not (data_folder / "ready.json").exists()
    assert [process for process in psutil.process_iter(["cmdline"]) if _names(process, system.data_dir)] == []


def _names(process: psutil.Process, folder: Path) -> bool:
    return any(str(folder) in word for word in process.info["cmdline"] or ())


def test_the_ready_file_is_private_and_goes_when_the_system_stops(system: System, data_folder: Path) -> None:
    own = System(data_folder, "--database-url", system.ready.database_url, workers=1)
    path = data_folder / "ready.json"
    with own:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert own.ready.pids.postgres is None
        assert len(own.ready.pids.workers) == 1
        # Two systems on one database see the same.
        assert own.get("/readyz") == {"status": "ready"}
        assert own.stop() == 0
        assert not path.exists()
    assert system.get("/readyz") == {"status": "ready"}


@pytest.mark.parametrize("place", ["nowhere/ready.json", "."], ids=["missing folder", "a folder"])
@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_ready_file_that_cannot_be_written(data_folder: Path, command: str, place: str) -> None:
    data_dir, path = data_folder / "data", data_folder / place

    result = run(command, "--data-dir", str(data_dir), *ANY_PORTS, "--ready-file", str(path))

    assert result.returncode == 2
    assert "--ready-file" in _sentence(result.stderr)
    assert not data_dir.exists()


@pytest.mark.parametrize("flag", _FLAGS)
def test_a_port_in_use(data_folder: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        others = [word for other in _FLAGS if other != flag for word in (other, "0")]

        result = run("up", "--data-dir", str(data_folder / "data"), flag, port, *others)

    assert result.returncode == 1
    message = _sentence(result.stderr)
    assert flag in message
    assert port in message


@pytest.mark.parametrize(
    ("host", "said"),
    [
        pytest.param("nohost.invalid", "no host has this name", id="unknown"),
        pytest.param("a..b", "no host has this name", id="no-name"),
        pytest.param("192.0.2.1", "no address of this machine", id="elsewhere"),
    ],
)
def test_a_host_that_is_not_ours(data_folder: Path, host: str, said: str) -> None:
    result = run("up", "--data-dir", str(data_folder / "data"), "--host", host, *ANY_PORTS)

    assert result.returncode == 2
    message = _sentence(result.stderr)
    assert f"{host}: " in message
    assert said in message
    assert "--host" in message
    assert "port" not in message


def test_a_port_that_is_none() -> None:
    result = invoke("up", "--http-port", "99999")

    assert result.returncode == 2
    assert "--http-port" in result.stderr
    assert "65535" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_of_another_relayscope(system: System, data_folder: Path) -> None:
    """Both would listen with SO_REUSEPORT, and each would get some of the other's requests."""
    port = str(system.ready.otlp_grpc)

    result = run("up", "--data-dir", str(data_folder / "data"), *ANY_PORTS, "--otlp-grpc-port", port)

    assert result.returncode == 1
    assert "--otlp-grpc-port" in _sentence(result.stderr)


def test_a_data_folder_in_use(system: System) -> None:
    result = run("up", "--data-dir", str(system.data_dir), *ANY_PORTS)

    assert result.returncode == 1
    message = _sentence(result.stderr)
    assert str(system.data_dir) in message
    assert str(system.ready.pids.supervisor) in message
    assert system.get("/readyz") == {"status": "ready"}


def test_the_same_system_twice(system: System) -> None:
    """The ports are taken too, but it is the folder that matters."""
    http, otlp = str(system.ready.http), str(system.ready.otlp_grpc)

    result = run("up", "--data-dir", str(system.data_dir), *ANY_PORTS, "--http-port", http, "--otlp-grpc-port", otlp)

    assert result.returncode == 1
    assert f"in use by process {system.ready.pids.supervisor}" in _sentence(result.stderr)


def test_a_data_folder_that_is_a_file(data_folder: Path) -> None:
    (data_folder / "data").write_text("mine")

    result = run("up", "--data-dir", str(data_folder / "data"), *ANY_PORTS)

    assert result.returncode == 1
    assert str(data_folder / "data") in _sentence(result.stderr)
    assert (data_folder / "data").read_text() == "mine"


def test_a_database_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    result = run("up", "--database-url", f"postgresql://user:s3cret@127.0.0.1:{port}/x", *ANY_PORTS)

    assert result.returncode == 1
    _sentence(result.stderr)
    assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize("command", ["up", "demo", "migrate", "retention"])
def test_a_database_url_that_is_empty(command: str) -> None:
    result = invoke(command, "--database-url", "")

    assert result.returncode == 2
    assert "storage.database_url" in _sentence(result.stderr)
    assert "Starting" not in result.stderr


def test_a_demo_that_goes_on_has_no_json() -> None:
    result = invoke("demo", "--json", *ANY_PORTS)

    assert result.returncode == 2
    assert "--once" in _sentence(result.stderr)


@pytest.mark.parametrize("command", ["up", "migrate"])
@pytest.mark.parametrize("url", ["s3cret", "postgresql://u:pa@s3cret@nohost/x", "postgresql://u:p@host:s3cret/x"])
def test_a_database_url_that_is_none(command: str, url: str) -> None:
    result = invoke(command, "--database-url", url)

    assert result.returncode == 2
    assert "%40" in _sentence(result.stderr)
    assert "Starting" not in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("config", "named"),
    [
        pytest.param("service: {wokers: 2}", "service.wokers", id="unknown-setting"),
        pytest.param("service: {workers: many}", "service.workers", id="wrong-type"),
        pytest.param("service: [s3cret", "line 1, column 17", id="no-yaml"),
    ],
)
def test_a_wrong_configuration(data_folder: Path, config: str, named: str) -> None:
    path = data_folder / "config.yaml"
    path.write_text(config)

    result = invoke("up", "--config", str(path))

    assert result.returncode == 2
    assert named in _sentence(result.stderr)
    # It could be the password of the database.
    assert "s3cret" not in result.stderr


def test_a_configuration_that_is_not_there(data_folder: Path) -> None:
    # Brackets are markup to the terminal library, and an ordinary part of a name to everyone else.
    path = data_folder / "[bold]no[/red].yaml"

    result = invoke("up", "--config", str(path))

    assert result.returncode == 2
    assert str(path) in _sentence(result.stderr)


def _sentence(stderr: str) -> str:
    """The message after ``relayscope:``, which has to be all that was said but for the greeting."""
    _, mark, message = stderr.partition("relayscope: ")
    assert mark, stderr
    assert "Traceback" not in stderr
    assert len(message.splitlines()) == 1, stderr
    return message
