"""``relayscope doctor`` on real folders, sockets, servers and APIs."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import psycopg
import pytest
import typer
from psycopg import sql
from typer.testing import CliRunner

from relayscope.cli import doctor
from relayscope.doctor import Finding, Report
from storage.postgres.embedded import EmbeddedConfig, EmbeddedServer
from storage.postgres.migration import SCHEMA_VERSION, migrate
from tests.support.api_server import serving
from tests.support.canned_reader import CannedReader, unreachable

ANY_PORTS = tuple(f"--{name}-port=0" for name in ("http", "jaeger-http", "jaeger-grpc", "otlp-grpc", "otlp-http"))


def invoke(*arguments: str, environment: Mapping[str, str | None] | None = None) -> tuple[int, str]:
    app = typer.Typer()
    doctor.register(app)
    none = dict.fromkeys(name for name in os.environ if name.startswith("RELAYSCOPE_"))
    env = {**none, "COLUMNS": "200", "NO_COLOR": "1", **(environment or {})}
    result = CliRunner().invoke(app, arguments, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout


def examine(
    *arguments: str, environment: Mapping[str, str | None] | None = None
) -> tuple[int, Report, dict[str, Finding]]:
    code, out = invoke(*arguments, "--json", environment=environment)
    report = msgspec.json.decode(out, type=Report)
    return code, report, {finding.name: finding for finding in report.findings}


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_fresh_machine_is_fine(empty_folder: Path) -> None:
    code, report, found = examine("--data-dir", str(empty_folder), *ANY_PORTS)
    bad = [finding for finding in report.findings if finding.status == "failed"]
    assert (code, bad) == (0, [])
    assert "made at the first start" in found["data folder"].detail
    assert "not running" in found["database"].detail
    assert "relayscope up" in found["system"].detail
    assert not empty_folder.parent.exists(), "doctor changes nothing"


def test_checks_come_in_their_order(empty_folder: Path) -> None:
    _, report, _ = examine("--data-dir", str(empty_folder), *ANY_PORTS)
    names = [finding.name for finding in report.findings]
    order = ["relayscope", "python", "binaries", "settings", "data folder", "disk", "database", "port http", "system"]
    assert [name for name in names if name in order] == order


def test_draws_one_line_a_check_with_advice_below(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    code, out = invoke("--data-dir", str(tmp_path), *ANY_PORTS, f"--otlp-http-port={port}")
    lines = [line.strip() for line in out.splitlines()]
    place = next(index for index, line in enumerate(lines) if line.startswith("✗ port otlp http"))
    assert code == 1
    assert f"127.0.0.1:{port} is taken by" in lines[place]
    assert lines[place + 1].startswith("→ Stop it, or choose another port with --otlp-http-port")
    assert lines[-1].startswith("1 failed, ")


def test_wrong_settings_are_a_finding(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("service:\n  wrokers: 3\n")
    code, report, found = examine("--config", str(config))
    assert (code, report.status) == (1, "failed")
    assert "service.wrokers" in found["settings"].detail
    assert "python" in found


def test_a_variable_that_is_no_json_is_a_finding() -> None:
    code, _, found = examine(environment={"RELAYSCOPE_STORAGE": "{"})
    assert (code, found["settings"].status) == (1, "failed")


def test_settings_come_from_all_sources(tmp_path: Path) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text("service:\n  workers: 7\n")
    environment = {"RELAYSCOPE_SERVICE__LOGS__LEVEL": "error"}
    _, _, found = examine("--config", str(config), "--data-dir", str(tmp_path), *ANY_PORTS, environment=environment)
    assert found["settings"].detail.startswith(f"{config}; ")
    assert "service.workers=7" in found["settings"].detail
    assert "service.logs.level=error" in found["settings"].detail


def test_a_misspelt_variable_is_a_finding() -> None:
    code, _, found = examine(environment={"RELAYSCOPE_WORKRS": "1"})
    assert (code, found["settings"].status) == (1, "failed")
    assert "did you mean RELAYSCOPE_WORKERS?" in found["settings"].detail


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    code, _, found = examine("--data-dir", str(path), *ANY_PORTS)
    assert (code, found["data folder"].status) == (1, "failed")
    assert "not looked at" in found["database"].detail


def test_a_database_with_the_current_schema(durable_dsn: str) -> None:
    code, _, found = examine("--database-url", durable_dsn, *ANY_PORTS)
    assert code == 0
    assert found["database"].detail.startswith("PostgreSQL 18")
    assert found["schema"].detail == f"version {SCHEMA_VERSION}"
    for name in ("database", "schema", "durability", "rights", "partitions"):
        assert found[name].status == "ok", found[name]


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("DROP SCHEMA relayscope CASCADE", "warning"),
        ("UPDATE relayscope.migrations SET version = version - 1", "warning"),
        ("UPDATE relayscope.migrations SET version = version + 100", "failed"),
    ],
    ids=["none", "older", "newer"],
)
def test_the_version_of_the_schema(postgres_dsn: str, statement: str, status: str) -> None:
    execute(postgres_dsn, statement)
    _, _, found = examine("--database-url", postgres_dsn, *ANY_PORTS)
    assert found["schema"].status == status


def test_partitions_and_stray_spans_are_counted(postgres_dsn: str) -> None:
    execute(postgres_dsn, "SELECT relayscope.cover_times('spans', '2050-01-01Z', '2050-01-02Z')")
    execute(
        postgres_dsn,
        "INSERT INTO relayscope.spans (start_time, duration_ns, fingerprint, resource_id, scope_id, workspace_id, "
        "start_time_ns, kind, status_code, trace_id, span_id, service_name, name) "
        "SELECT '1990-01-01Z', 1, number, 1, 1, 1, 0, 1, 0, '', '', '', '' FROM generate_series(1, 3) AS number",
    )
    _, _, found = examine("--database-url", postgres_dsn, *ANY_PORTS)
    assert found["partitions"].detail == "1 partition, 3 spans with a time outside them"


def test_durability_that_was_turned_off(durable_dsn: str) -> None:
    with psycopg.connect(durable_dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
    code, _, found = examine("--database-url", durable_dsn, *ANY_PORTS)
    assert (code, found["durability"].status) == (0, "ok")
    assert "synchronous_commit is off by default, on for our writers" in found["durability"].detail


def test_a_user_without_rights(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        role = sql.Identifier(f"guest_of_{connection.info.dbname}")
        connection.execute(sql.SQL("CREATE ROLE {}").format(role))
        try:
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA relayscope TO {}").format(role))
            connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA relayscope TO {}").format(role))
            dsn = f"{postgres_dsn}&options=-crole%3D{role._obj[0]}"
            code, _, found = examine("--database-url", dsn, *ANY_PORTS)
        finally:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
    assert code == 1
    assert "create a schema" in found["rights"].detail
    assert "add partitions" in found["rights"].detail


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:geheim@127.0.0.1:{port}/x", "nothing listens there"),
        ("postgresql://me:geheim@127.0.0.1:notaport/x", "not well formed"),
        ("hello geheim", "not well formed"),
        ("postgresql://me:ge@heim@127.0.0.1/x", "not well formed"),
    ],
)
def test_a_database_that_cannot_be_reached(url: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, report, found = examine("--database-url", url.format(port=port), *ANY_PORTS)
    assert (code, found["database"].status) == (1, "failed")
    assert reason in found["database"].detail
    assert ("Start that server" in found["database"].advice) == ("nothing listens" in reason)
    assert "heim" not in str(report)


def test_the_running_system(postgres_dsn: str) -> None:
    with serving(CannedReader()) as url:
        port = url.rpartition(":")[2]
        ports = (*ANY_PORTS, f"--http-port={port}")
        _, _, found = examine("--database-url", postgres_dsn, *ports)
        _, _, found_by_url = examine("--database-url", postgres_dsn, *ANY_PORTS, "--url", url)
    assert found["ready"].detail == f"{url} is ready"
    assert found["health"].status == "ok"
    assert found_by_url["ready"] == found["ready"]


def test_another_program_on_a_port_of_the_running_system(tmp_path: Path, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with serving(CannedReader()) as url:
        ports = (*ANY_PORTS, f"--http-port={url.rpartition(':')[2]}", f"--otlp-grpc-port={port}")
        _, _, found = examine("--data-dir", str(tmp_path), *ports)
    assert found["port otlp grpc"].status == "failed"
    assert f"process {os.getpid()}" in found["port otlp grpc"].detail


def test_a_running_system_without_its_store(postgres_dsn: str) -> None:
    with serving(unreachable()) as url:
        code, _, found = examine("--database-url", postgres_dsn, *ANY_PORTS, "--url", url)
    assert code == 1
    assert found["ready"].detail.endswith("503: The store cannot be reached.")
    assert found["health"].status == "failed"


def test_nothing_at_the_url(tmp_path: Path, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    code, _, found = examine("--data-dir", str(tmp_path), *ANY_PORTS, environment={"RELAYSCOPE_URL": url})
    assert (code, found["system"].status) == (0, "warning")
    assert url in found["system"].detail


async def test_the_life_of_a_data_folder(data_folder: Path) -> None:
    server = EmbeddedServer(EmbeddedConfig(data_dir=data_folder, shared_buffers_mb=16))
    await server.start()
    try:
        await migrate(server.dsn)
        running = await asyncio.to_thread(examine, "--data-dir", str(data_folder), *ANY_PORTS)
    finally:
        await server.aclose()
    stopped = await asyncio.to_thread(examine, "--data-dir", str(data_folder), *ANY_PORTS)
    crash(data_folder)
    crashed = await asyncio.to_thread(examine, "--data-dir", str(data_folder), *ANY_PORTS)

    assert running[2]["data folder"].detail.endswith(f"in use by process {os.getpid()}")
    assert running[2]["schema"].status == "ok"
    assert running[2]["system"].status == "warning"
    assert stopped[2]["data folder"].detail.endswith("not in use")
    assert "stopped in order" in stopped[2]["cluster"].detail
    assert "not running" in stopped[2]["database"].detail
    assert crashed[2]["cluster"].status == "warning"
    assert "stale" in crashed[2]["cluster"].detail


def crash(data_dir: Path) -> None:
    """Leaves what a server leaves that was killed: its lock file, with the id of a process that is no more."""
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    lock = f"{int(done.stdout)}\n{data_dir / 'postgres'}\n1\n5432\n{data_dir / 'run'}\n\n"
    (data_dir / "postgres" / "postmaster.pid").write_text(lock)
