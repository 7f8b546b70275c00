from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relayscope.cli.option import settings_from
from relayscope.settings import Settings, load_settings
from relayscope.settings.file import Tree
from relayscope.settings.value import parse_age, split_endpoint
from tracedata import CallerError

_SECRET = "hunter2"
_URL = f"postgresql://user:{_SECRET}@db/traces"

WRONG: dict[str, tuple[str, str]] = {
    "unknown section": ("storge:\n  data_dir: x\n", "storge"),
    "unknown key": ("storage:\n  data_dirr: x\n", "storage.data_dirr"),
    "unknown key deep down": ("receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpont: x\n", "grpc.endpont"),
    "processor without settings": ("processors:\n  redact: {}\n", "processors.redact"),
    "wrong type": ("service:\n  workers: many\n", "service.workers"),
    "no worker": ("service:\n  workers: 0\n", "service.workers"),
    "unknown level": ("service:\n  logs:\n    level: loud\n", "service.logs.level"),
    "endpoint without a port": ("service:\n  http:\n    endpoint: localhost\n", "service.http.endpoint"),
    "endpoint without a host": ("service:\n  http:\n    endpoint: ':80'\n", "service.http.endpoint"),
    "port too large": ("service:\n  http:\n    endpoint: a:65536\n", "service.http.endpoint"),
    "port below zero": ("service:\n  http:\n    endpoint: a:-1\n", "service.http.endpoint"),
    "host with a scheme": (
        "service: {http: {allowed_hosts: [a, 'https://a']}}\n",
        r"service\.http\.allowed_hosts\.1 \(in",
    ),
    "host with a port": ("service: {http: {allowed_hosts: ['a.example:80']}}\n", "without scheme, port and path"),
    "host with a path": ("service: {http: {allowed_hosts: ['a.example/b']}}\n", "allowed_hosts"),
    "host in other letters": ("service: {http: {allowed_hosts: ['münchen.example']}}\n", "allowed_hosts"),
    "empty host": ("service: {http: {allowed_hosts: ['']}}\n", "allowed_hosts"),
    "host that is a dot": ("service: {http: {allowed_hosts: ['.']}}\n", "allowed_hosts"),
    "host with a dot before": ("service: {http: {allowed_hosts: ['.example.com']}}\n", "allowed_hosts"),
    "pattern in the middle": ("service: {http: {allowed_hosts: ['a.*.example']}}\n", "allowed_hosts"),
    "pattern of a part": ("service: {http: {allowed_hosts: ['a*.example']}}\n", "allowed_hosts"),
    "pattern of nothing": ("service: {http: {allowed_hosts: ['*.']}}\n", "allowed_hosts"),
    "IPv6 with a port": ("service: {http: {allowed_hosts: ['[::1]:80']}}\n", "IPv6 address without a port"),
    "hosts that are text": ("service: {http: {allowed_hosts: a.example}}\n", "allowed_hosts"),
    "section that is a value": ("service: 3\n", "service"),
    "list at the top": ("- service\n", "mapping"),
    "text at the top": ("service\n", "mapping"),
    "variable that is not set": ("storage:\n  database_url: ${env:RS_TEST_MISSING}\n", "RS_TEST_MISSING"),
    "no YAML": ("service: [\n", "not YAML"),
    "number as a key": ("1: x\n", "unknown setting 1 "),
    "number as a key deep down": (
        "service:\n  logs: {1: x}\n",
        r"unknown setting service\.logs\.1 ",
    ),
    "nothing as a key": ("service: {~: x}\n", "service: a key is of type NoneType"),
    "date that does not exist": ("service: 2024-99-99\n", "is impossible"),
    "alias of itself": ("service: &a [*a]\n", "contains itself"),
}
ENDPOINTS = {
    "127.0.0.1:4317": ("127.0.0.1", 4317),
    "localhost:0": ("localhost", 0),
    "[::1]:80": ("::1", 80),
    "0.0.0.0:65535": ("0.0.0.0", 65535),  # noqa: S104 - an example
}
HOSTS = {
    "Traces.Example.com.": "traces.example.com",
    "*.Example.com": "*.example.com",
    "my_service": "my_service",
    "10.0.0.5": "10.0.0.5",
    "[FD00:0::5]": "fd00::5",
    "fd00::5": "fd00::5",
    "[fe80::1%eth0]": "fe80::1",
    "*": "*",
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings are no part of a test."""
    for name in os.environ:
        if name.startswith("RELAYSCOPE_"):
            monkeypatch.delenv(name)


def _file(folder: Path, text: str) -> Path:
    path = folder / "relayscope.yaml"
    path.write_text(text)
    return path


def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.storage.database_url is None
    assert settings.service.http.endpoint == "127.0.0.1:8000"


def test_everything_listens_on_this_machine_only() -> None:
    settings = load_settings()
    protocols = settings.receivers.otlp.protocols
    endpoints = [protocols.grpc.endpoint, protocols.http.endpoint, settings.service.http.endpoint]
    endpoints += [settings.service.jaeger.http, settings.service.jaeger.grpc]
    assert {split_endpoint(endpoint)[0] for endpoint in endpoints} == {"127.0.0.1"}
    assert [split_endpoint(endpoint)[1] for endpoint in endpoints] == [4317, 4318, 8000, 16686, 16685]


@pytest.mark.parametrize(("text", "host"), HOSTS.items(), ids=HOSTS.keys())
def test_allowed_hosts_are_kept_as_they_are_compared(monkeypatch: pytest.MonkeyPatch, text: str, host: str) -> None:
    monkeypatch.setenv("RELAYSCOPE_SERVICE__HTTP__ALLOWED_HOSTS", json.dumps([text]))
    assert load_settings().service.http.allowed_hosts == [host]


@pytest.mark.parametrize(
    ("file", "environment", "flags", "expected"),
    [
        (None, None, None, "info"),
        ("error", None, None, "error"),
        (None, "error", None, "error"),
        ("error", "debug", None, "debug"),
        ("error", None, "debug", "debug"),
        (None, "error", "debug", "debug"),
        ("info", "error", "debug", "debug"),
    ],
    ids=["default", "file", "environment", "environment over file", "flag over file", "flag over env", "all"],
)
def test_later_sources_win(  # noqa: PLR0917 - a table of six columns
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str | None,
    environment: str | None,
    flags: str | None,
    expected: str,
) -> None:
    config = _file(tmp_path, f"service: {{logs: {{level: {file}}}}}") if file else None
    if environment:
        monkeypatch.setenv("RELAYSCOPE_SERVICE__LOGS__LEVEL", environment)
    tree: Tree = {"service": {"logs": {"level": flags}}} if flags else {}
    assert load_settings(config=config, flags=tree).service.logs.level == expected


def test_sources_complete_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _file(tmp_path, "service: {workers: 3, http: {endpoint: 'a:1'}}\nstorage: {max_group_rows: 5}")
    monkeypatch.setenv("RELAYSCOPE_STORAGE__MAX_QUEUED_ROWS", "6")
    settings = load_settings(config=config, flags={"service": {"logs": {"level": "debug"}}})
    assert (settings.service.workers, settings.service.http.endpoint, settings.service.logs.level) == (
        3,
        "a:1",
        "debug",
    )
    assert (settings.storage.max_group_rows, settings.storage.max_queued_rows) == (5, 6)


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"], ids=["empty", "comment", "empty mapping"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    assert load_settings(config=_file(tmp_path, text)) == load_settings()


@pytest.mark.parametrize(("text", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_refused_by_the_name_of_its_place(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(CallerError, match=named):
        load_settings(config=_file(tmp_path, text))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not UTF-8"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "relayscope.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CallerError, match=r"relayscope\.yaml"):
        load_settings(config=path)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("RELAYSCOPE_SERVICE__WORKERZ", "1", "did you mean RELAYSCOPE_SERVICE__WORKERS?"),
        (
            "RELAYSCOPE_SERVICE__WORKERS",
            "many",
            r"service\.workers \(in RELAYSCOPE_SERVICE__WORKERS\): must be a valid int",
        ),
        ("RELAYSCOPE_STORGE__DATA_DIR", "x", "RELAYSCOPE_STORGE__DATA_DIR names no setting; did you mean "),
        ("RELAYSCOPE_STORAGE_DATABASE_URL", _URL, "did you mean RELAYSCOPE_STORAGE__DATABASE_URL?"),
        ("RELAYSCOPE_WORKRS", "1", "RELAYSCOPE_WORKRS names no setting; did you mean RELAYSCOPE_WORKERS?"),
        ("relayscope_workers", "1", "relayscope_workers names no setting; did you mean RELAYSCOPE_WORKERS?"),
        ("RELAYSCOPE_ZZZ", _SECRET, "RELAYSCOPE_ZZZ names no setting$"),
        ("RELAYSCOPE_SERVICE", _SECRET, "RELAYSCOPE_SERVICE is not JSON"),
        (
            "RELAYSCOPE_SERVICE",
            '{"wokers": 1}',
            r"service\.wokers \(in RELAYSCOPE_SERVICE\); did you mean service\.workers",
        ),
    ],
    ids=[
        "unknown key",
        "wrong type",
        "unknown section",
        "one underscore for two",
        "misspelt flag",
        "flag in small letters",
        "nothing like it",
        "section that is a value",
        "unknown key in a section",
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, named: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(CallerError, match=named) as refused:
        load_settings()
    assert _SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["RELAYSCOPE_TEST_CITUS_URL", "RELAYSCOPE_URL", "relayscope_service__workers"])
def test_a_variable_that_somebody_reads_is_allowed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "3")
    load_settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "storage: {data_dirr: x}",
            r"^unknown setting storage\.data_dirr \(in .*\.yaml\); did you mean storage\.data_dir\?$",
        ),
        ("storage: 3", r"^storage \(in .*\.yaml\): must be a section, with settings below it$"),
        ("service: {workers: many}", r"^service\.workers \(in .*\.yaml\): must be a valid integer$"),
        (
            "service: {http: {endpoint: 'a:70000'}}",
            r"endpoint \(in .*\.yaml\): a port is a number from 0 to 65535, not 70000$",
        ),
    ],
    ids=["unknown", "section", "type", "port"],
)
def test_problems_are_told_in_our_words(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CallerError, match=sentence):
        load_settings(config=_file(tmp_path, text))


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(CallerError) as refused:
        load_settings(config=path)
    assert str(refused.value) == f"cannot read {path}: No such file or directory"


def test_the_source_that_wins_is_blamed(tmp_path: Path) -> None:
    config = _file(tmp_path, "service: {workers: 3}")
    with pytest.raises(CallerError, match=r"service\.workers \(in a flag\)"):
        load_settings(config=config, flags={"service": {"workers": 0}})


def test_variables_stand_for_text_and_numbers_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RS_TEST_HOST", "db")
    monkeypatch.setenv("RS_TEST_WORKERS", "3")
    # What a variable holds is text, never a variable again.
    monkeypatch.setenv("RS_TEST_SECRET", "${env:RS_TEST_HOST}")
    text = """
    storage: {database_url: "postgresql://u:${env:RS_TEST_SECRET}@${env:RS_TEST_HOST}/d"}
    service: {workers: "${env:RS_TEST_WORKERS}"}
    """
    settings = load_settings(config=_file(tmp_path, text))
    assert settings.storage.database_url == "postgresql://u:${env:RS_TEST_HOST}@db/d"
    assert settings.service.workers == 3


@pytest.mark.parametrize(
    "text",
    [
        f"storage:\n  database_url: {_URL}\n  nonsense: 1\n",
        f"storage:\n  database_url: [{_URL}]\n",
        f"storage: {_URL}\n",
        f"storage:\n  database_url: '{_URL}\n",
        f"storage:\n  database_url: {_URL}\n\tnonsense: [\n",
        f"- {_URL}\n",
        f"storage:\n  database_url: a: {_SECRET}\n",
        f"storage:\n  database_url: *{_SECRET}\n",
        f"storage:\n  database_url: !{_SECRET}\n",
    ],
    ids="beside a mistake,of the wrong type,in place of a section,unclosed,before a tab,in a list,after a colon,"
    "like an alias,like a tag".split(","),
)
def test_a_secret_is_in_no_message(tmp_path: Path, text: str) -> None:
    with pytest.raises(CallerError) as refused:
        load_settings(config=_file(tmp_path, text))
    assert _SECRET not in str(refused.value)


def test_a_secret_is_in_no_printed_form() -> None:
    settings = load_settings(flags={"storage": {"database_url": _URL}})
    assert settings.storage.database_url == _URL
    assert _SECRET not in f"{settings!r} {settings!s} {settings.storage!r} {settings.storage!s}"


@pytest.mark.parametrize("source", ["flag", "RELAYSCOPE_DATABASE_URL", "RELAYSCOPE_STORAGE__DATABASE_URL"])
@pytest.mark.parametrize("empty", ["", " "], ids=["empty", "blank"])
def test_an_empty_database_url_is_not_taken_for_none(monkeypatch: pytest.MonkeyPatch, source: str, empty: str) -> None:
    if source != "flag":
        monkeypatch.setenv(source, empty)
    with pytest.raises(CallerError, match=r"storage\.database_url.*is empty"):
        settings_from(config=None, database_url=empty if source == "flag" else None)


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = load_settings(flags={"storage": {"database_url": _URL}, "service": {"workers": 2}})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_settings_are_frozen() -> None:
    settings: Any = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.storage.max_group_rows = 1


@pytest.mark.parametrize(("text", "expected"), ENDPOINTS.items(), ids=ENDPOINTS.keys())
def test_endpoints(text: str, expected: tuple[str, int]) -> None:
    assert split_endpoint(text) == expected


def test_a_host_applies_to_every_endpoint_and_a_port_to_its_own(tmp_path: Path) -> None:
    config = _file(tmp_path, "service: {http: {endpoint: 'a:1'}}")
    settings = settings_from(config=config, host="::1", ports={"otlp_grpc_port": 0})
    assert settings.service.http.endpoint == "[::1]:1"
    assert settings.receivers.otlp.protocols.grpc.endpoint == "[::1]:0"
    assert settings.service.jaeger.http == "[::1]:16686"


@pytest.mark.parametrize(
    ("text", "hours"), [("1h", 1), ("12h", 12), ("30d", 720), ("8w", 1344)], ids=["hour", "hours", "days", "weeks"]
)
def test_ages_are_hours_days_or_weeks(text: str, hours: int) -> None:
    assert parse_age(text) == timedelta(hours=hours)
    tree: Tree = {"storage": {"retention": {"spans": text}}}
    assert load_settings(flags=tree).storage.retention.spans == text


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "30 d", "30m", "1d12h", "٣d", "999999w"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match=r"storage\.retention\.spans"):
        load_settings(flags={"storage": {"retention": {"spans": text}}})
