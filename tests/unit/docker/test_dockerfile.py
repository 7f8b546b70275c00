from __future__ import annotations

import json
import re
from fnmatch import fnmatch

from relayscope.settings import Settings, load_settings
from relayscope.settings.value import split_endpoint
from tests.support.flag import long_flags, variables
from tests.support.repository import ROOMS, ROOT, document

_NAME = "docker/Dockerfile"


def _instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", document(_NAME), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def _arguments(instruction: str) -> list[str]:
    return [rest for word, rest in _instructions() if word == instruction]


def _copied() -> set[str]:
    """What is taken from the repository."""
    return {source for rest in _arguments("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]}


def _default_ports() -> set[int]:
    settings = load_settings()
    otlp, service = settings.receivers.otlp.protocols, settings.service
    endpoints = (
        otlp.grpc.endpoint,
        otlp.http.endpoint,
        service.http.endpoint,
        service.jaeger.http,
        service.jaeger.grpc,
    )
    return {split_endpoint(endpoint)[1] for endpoint in endpoints}


def test_it_has_two_stages_without_a_registry() -> None:
    images = [rest.split()[0] for rest in _arguments("FROM")]
    assert len(images) == 2
    assert all("/" not in image and image.endswith("-slim") for image in images)


def test_every_copied_path_exists_and_reaches_the_builder() -> None:
    ignored = document(".dockerignore").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert {path for path in _copied() if not (ROOT / path).exists()} == set()
    assert {path for path in _copied() if not any(fnmatch(path, pattern) for pattern in kept)} == set()
    assert {pattern for pattern in kept if not (ROOT / pattern).exists()} == set()


def test_every_room_is_copied() -> None:
    assert set(ROOMS) <= _copied()


def test_it_runs_without_rights_in_its_last_stage() -> None:
    instructions = _instructions()
    last = max(index for index, (word, _) in enumerate(instructions) if word == "FROM")
    users = [rest for word, rest in instructions[last:] if word == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}


def test_the_ports_are_the_defaults() -> None:
    (ports,) = _arguments("EXPOSE")
    assert {int(port) for port in ports.split()} == _default_ports()


def test_every_variable_is_read_by_the_command() -> None:
    names = set(re.findall(r"\b(RELAYSCOPE_[A-Z_]+)=", document(_NAME)))
    assert names
    assert names <= variables("up")


def test_the_command_exists() -> None:
    (entrypoint,), (command,) = _arguments("ENTRYPOINT"), _arguments("CMD")[-1:]
    assert json.loads(entrypoint) == ["relayscope"]
    name, *flags = json.loads(command)
    assert {flag for flag in flags if flag.startswith("--")} <= long_flags(name)


def test_the_health_check_asks_for_readiness() -> None:
    (check,) = _arguments("HEALTHCHECK")
    port = split_endpoint(Settings().service.http.endpoint)[1]
    assert f"http://127.0.0.1:{port}/readyz" in check
    assert "`GET /readyz`" in document("docs/api.md")
