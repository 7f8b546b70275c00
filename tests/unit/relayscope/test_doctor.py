"""What the checks make of facts. Facts from a real machine are in the integration tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from relayscope.doctor.configuration import check_prices, check_settings
from relayscope.doctor.database import (
    check_durability,
    check_partitions,
    check_rights,
    check_schema,
    check_server,
)
from relayscope.doctor.finding import Finding, Status, failed, ok, report, size, warning
from relayscope.doctor.folder import check_cluster, check_disk, check_folder
from relayscope.doctor.port import Listener, Owner, System, check_port, check_ports
from relayscope.doctor.program import check_driver, check_packages, check_python, check_version
from relayscope.doctor.system import check_health, check_nothing_answers, check_ready, local_url
from relayscope.settings import Settings
from storage.inspection import DEFAULT_SPANS_LIMIT, Account, DatabaseState, Driver, FolderState
from storage.postgres.inspection import PostgresInspector

GIB = 1 << 30
ME = Account(name="me", exists=True)
NOBODY = System(is_answering=False, supervisor=None)
CHILD = Owner(pid=7, parent=5, name="python", is_relayscope=True)
STRANGER = Owner(pid=7, parent=5, name="jaeger", is_relayscope=False)
DATABASE = DatabaseState(
    server_version="18.1",
    is_server_supported=True,
    server_encoding="UTF8",
    is_encoding_supported=True,
    schema_version=3,
    program_schema_version=3,
    fsync=True,
    full_page_writes=True,
    synchronous_commit=True,
    can_create_schema=True,
    can_create_tables=True,
    can_create_temporary_tables=True,
    owns_tables=True,
    partitions=4,
    default_spans=12,
    size_bytes=3 * GIB,
)
FOLDER = FolderState(
    path=Path("/data"),
    owner="me",
    is_usable=True,
    holder=None,
    server="none",
    dsn=None,
    cluster_version="18",
    cluster_owner="me",
    program_cluster_version="18",
)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def changed(state: DatabaseState, **fields: object) -> DatabaseState:
    return msgspec.structs.replace(state, **fields)


def folder(**fields: object) -> FolderState:
    return msgspec.structs.replace(FOLDER, **fields)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([], "ok"),
        ([ok("a", "")], "ok"),
        ([warning("a", "", advice="x"), ok("b", "")], "warning"),
        ([failed("a", "", advice="x"), warning("b", "", advice="y")], "failed"),
    ],
    ids=["nothing", "fine", "warning", "failed"],
)
def test_a_report_is_as_bad_as_its_worst_finding(findings: list[Finding], status: Status) -> None:
    assert report(findings).status == status


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * GIB, "5.0 GiB"), (1 << 50, "1024.0 TiB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("finding", "status", "says"),
    [
        (check_version("1.2.3"), "ok", "1.2.3"),
        (check_version(None), "warning", "without being installed"),
        (check_python((3, 11, 0)), "ok", "3.11.0"),
        (check_python((3, 10, 14)), "failed", "3.10.14 is too old"),
        (check_packages({"grpcio": "1", "protobuf": "2"}), "ok", "grpcio 1, protobuf 2"),
        (check_packages({"grpcio": None, "protobuf": "2"}), "failed", "not installed: grpcio"),
    ],
)
def test_program(finding: Finding, status: Status, says: str) -> None:
    assert finding.status == status
    assert says in finding.detail
    assert bool(finding.advice) == (status != "ok")


class SlowDriver(PostgresInspector):
    def driver(self) -> Driver:
        return Driver(version="3.2.0", implementation="python", library_version="17.1")


def test_the_slow_driver_is_a_warning() -> None:
    finding = check_driver(SlowDriver())
    assert (finding.status, finding.detail) == ("warning", "psycopg 3.2.0 (python), libpq 17.1")


def test_settings_name_the_file_and_what_differs() -> None:
    settings = Settings.model_validate({"service": {"logs": {"level": "debug"}}})
    finding = check_settings(settings, config=Path("relay.yaml"), inspector=PostgresInspector())
    assert finding == ok("settings", "relay.yaml; service.logs.level=debug")


def test_rules_that_have_no_default_differ_from_it() -> None:
    settings = Settings.model_validate(
        {"processors": {"redaction": {"entities": {"EMAIL_ADDRESS": {"operator": "mask"}}}}}
    )
    finding = check_settings(settings, config=None, inspector=PostgresInspector())
    assert "processors.redaction.entities.EMAIL_ADDRESS.operator=mask" in finding.detail


@pytest.mark.parametrize(
    ("prices", "status", "says"),
    [
        pytest.param("models: [{model: a, prices: [{input: 1}]}]", "ok", "prices.yaml", id="right"),
        pytest.param("models: [{model: a, prices: [{input: -1}]}]", "failed", "models[0].prices[0].input", id="wrong"),
        pytest.param(None, "failed", "cannot read", id="missing"),
    ],
)
def test_prices(tmp_path: Path, prices: str | None, status: Status, says: str) -> None:
    path = tmp_path / "prices.yaml"
    if prices is not None:
        path.write_text(prices)
    (finding,) = check_prices(Settings.model_validate({"processors": {"ai": {"prices": path}}}))
    assert finding.status == status
    assert says in finding.detail


def test_nobody_asks_for_prices_that_are_not_there() -> None:
    assert not list(check_prices(Settings()))


def test_settings_without_any_change() -> None:
    finding = check_settings(Settings(), config=None, inspector=PostgresInspector())
    assert finding == ok("settings", "no file; all as by default")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:geheim@db.example:5433/traces",
        "postgresql://me:ge@heim@db.example:5433/traces",
        "postgresql://db.example/traces?user=me&password=geheim&sslpassword=geheim",
        "host=db.example dbname=traces user=me password='geheim'",
        "host=db.example password=geheim nonsense",
        "postgresql://me:ge/heim@db.example/traces",
        "postgresql://me:ge@heim:x@db.example/traces",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    settings = Settings.model_validate({"storage": {"database_url": url}})
    finding = check_settings(settings, config=None, inspector=PostgresInspector())
    assert "storage.database_url=" in finding.detail
    assert "heim" not in finding.detail


def test_a_database_url_is_shown_by_its_parts() -> None:
    shown = PostgresInspector().describe_url("postgresql://me:geheim@db.example:5433/traces")
    assert sorted(shown.split()) == ["dbname=traces", "host=db.example", "port=5433", "user=me"]


@pytest.mark.parametrize(
    ("state", "status", "says"),
    [
        (folder(), "ok", "belongs to me, not in use"),
        (folder(owner=None), "ok", "made at the first start"),
        (folder(holder=42), "ok", "in use by process 42"),
        (folder(holder=0), "ok", "in use by process unknown"),
        (folder(is_usable=False), "failed", "cannot write in /data (it belongs to me)"),
        (folder(is_usable=False, owner=None), "failed", "cannot make /data"),
    ],
)
def test_folder(state: FolderState, status: Status, says: str) -> None:
    finding = check_folder(state)
    assert finding.status == status
    assert says in finding.detail


@pytest.mark.parametrize(
    ("state", "status", "says"),
    [
        (folder(cluster_version=None, cluster_owner=None), "ok", "none yet"),
        (folder(), "ok", "stopped in order"),
        (folder(holder=1, server="running"), "ok", "running"),
        (folder(server="crashed"), "warning", "stale"),
        (folder(server="orphan"), "warning", "outlived"),
        (folder(cluster_version="17"), "failed", "PostgreSQL 17"),
        (folder(cluster_owner="you"), "failed", "would run as me"),
        (folder(cluster_owner="you", holder=1, server="running"), "ok", "running"),
    ],
)
def test_cluster(state: FolderState, status: Status, says: str) -> None:
    finding = check_cluster(state, ME)
    assert finding.status == status
    assert says in finding.detail


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [
        (50 * GIB, 100 * GIB, "ok"),
        (5 * GIB, 20 * GIB, "ok"),
        (5 * GIB - 1, 20 * GIB, "warning"),
        (99 * GIB, 1000 * GIB, "warning"),
        (GIB, 2 * GIB, "warning"),
        (GIB - 1, 2 * GIB, "failed"),
        (0, 0, "failed"),
    ],
)
def test_disk(free: int, total: int, status: Status) -> None:
    assert check_disk(free=free, total=total, used_by_data=GIB).status == status


@pytest.mark.parametrize(
    ("finding", "status", "says"),
    [
        (check_server(DATABASE, place="here"), "ok", "PostgreSQL 18.1 at here, 3.0 GiB"),
        (check_server(changed(DATABASE, is_server_supported=False), place="here"), "failed", "18.1"),
        (check_server(changed(DATABASE, is_encoding_supported=False), place="here"), "failed", "encoding"),
        (check_rights(changed(DATABASE, can_create_temporary_tables=False)), "failed", "temporary tables"),
        (check_schema(DATABASE), "ok", "version 3"),
        (check_schema(changed(DATABASE, schema_version=None)), "warning", "not made yet"),
        (check_schema(changed(DATABASE, schema_version=2)), "warning", "version 2, this program needs 3"),
        (check_schema(changed(DATABASE, schema_version=4)), "failed", "version 4, this program knows 3"),
        (check_durability(DATABASE), "ok", "are on"),
        (check_durability(changed(DATABASE, fsync=False)), "failed", "off: fsync"),
        (check_durability(changed(DATABASE, full_page_writes=False)), "failed", "off: full_page_writes"),
        (check_durability(changed(DATABASE, synchronous_commit=False)), "ok", "off by default, on for our writers"),
        (check_rights(DATABASE), "ok", "may create"),
        (check_rights(changed(DATABASE, can_create_schema=False)), "failed", "schema in the database"),
        (check_rights(changed(DATABASE, can_create_tables=False)), "failed", "create tables"),
        (check_rights(changed(DATABASE, owns_tables=False)), "failed", "add partitions"),
        (check_partitions(DATABASE), "ok", "4 partitions, 12 spans"),
        (check_partitions(changed(DATABASE, default_spans=DEFAULT_SPANS_LIMIT)), "warning", "100,000 or more"),
    ],
)
def test_database(finding: Finding, status: Status, says: str) -> None:
    assert finding.status == status
    assert says in finding.detail
    assert bool(finding.advice) == (status != "ok")


def test_port_zero_is_any() -> None:
    place = Listener(name="port http", flag="--http-port", host="127.0.0.1", port=0, is_api=True)
    assert check_port(place, owner=None, system=NOBODY).status == "ok"


def test_an_address_of_another_machine_is_refused() -> None:
    place = Listener(name="port http", flag="--http-port", host="192.0.2.1", port=8000, is_api=True)
    finding = check_port(place, owner=None, system=NOBODY)
    assert (finding.status, "--host" in finding.advice) == ("failed", True)


def test_two_listeners_cannot_share_a_port() -> None:
    endpoint = "127.0.0.1:8000"
    settings = Settings.model_validate({"service": {"http": {"endpoint": endpoint}, "jaeger": {"http": endpoint}}})
    finding = check_ports(settings, NOBODY)[1]
    assert finding.status == "failed"
    assert finding.detail == f"{endpoint} is also that of port http"
    assert "--jaeger-http-port" in finding.advice


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://[::1]:80"),
        ("127.0.0.1:0", None),
    ],
)
def test_where_the_api_is(endpoint: str, url: str | None) -> None:
    assert local_url(Settings.model_validate({"service": {"http": {"endpoint": endpoint}}})) == url


@pytest.mark.parametrize(
    ("code", "body", "status", "says"),
    [
        (200, {"status": "ready"}, "ok", "is ready"),
        (503, {"detail": "The store cannot be reached."}, "failed", "503: The store cannot be reached."),
        (404, [], "failed", "404: no reason given"),
    ],
)
def test_ready(code: int, body: object, status: Status, says: str) -> None:
    finding = check_ready("http://x", httpx.Response(code, json=body))
    assert finding.status == status
    assert says in finding.detail


@pytest.mark.parametrize(
    ("code", "body", "status"),
    [
        (200, {"status": "ok", "version": "1"}, "ok"),
        (200, {"status": "ok", "version": "2"}, "warning"),
        (200, {"status": "degraded", "version": "1"}, "failed"),
        (200, {"hello": "world"}, "failed"),
        (503, {"detail": "away"}, "failed"),
    ],
    ids=["healthy", "another version", "degraded", "another program", "away"],
)
def test_health(code: int, body: object, status: Status) -> None:
    assert check_health(httpx.Response(code, json=body), "1").status == status


@pytest.mark.parametrize(
    ("asked", "holder", "status", "says"),
    [
        (None, None, "ok", "relayscope up"),
        ("http://x", None, "warning", "nothing answers at http://x"),
        (None, 42, "warning", "process 42 uses the data folder"),
    ],
)
def test_nothing_answers(asked: str | None, holder: int | None, status: Status, says: str) -> None:
    finding = check_nothing_answers(asked=asked, holder=holder)
    assert finding.status == status
    assert says in finding.detail


@pytest.mark.parametrize(
    ("owner", "system", "status", "says"),
    [
        (None, System(is_answering=False, supervisor=0), "failed", "another program"),
        (None, System(is_answering=True, supervisor=0), "ok", "as it seems"),
        (None, System(is_answering=True, supervisor=5), "ok", "as it seems"),
        (None, System(is_answering=True, supervisor=None), "failed", "another data folder"),
        (CHILD, System(is_answering=False, supervisor=0), "ok", "process 7"),
        (CHILD, System(is_answering=False, supervisor=5), "ok", "process 7"),
        (CHILD, System(is_answering=True, supervisor=6), "failed", "another data folder (process 5)"),
        (CHILD, System(is_answering=True, supervisor=None), "failed", "another data folder (process 5)"),
        (STRANGER, System(is_answering=True, supervisor=5), "failed", "jaeger (process 7)"),
    ],
    ids=[
        "nobody knows",
        "the API answers",
        "the API answers and the folder is used",
        "the API of another folder answers",
        "a child of someone",
        "a child of ours",
        "a child of another",
        "a child of another while the folder is free",
        "another program",
    ],
)
def test_a_taken_port(taken_port: int, owner: Owner | None, system: System, status: Status, says: str) -> None:
    place = Listener(name="port otlp grpc", flag="--otlp-grpc-port", host="127.0.0.1", port=taken_port, is_api=False)
    finding = check_port(place, owner=owner, system=system)
    assert finding.status == status
    assert says in finding.detail
    assert ("--otlp-grpc-port" in finding.advice) == (status == "failed")
