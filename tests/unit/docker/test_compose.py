from __future__ import annotations

import os
import re
import shutil
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from relayscope.settings import Settings
from relayscope.settings.file import Tree
from tests.support.flag import long_flags, variables
from tests.support.repository import ROOT, document

_FOLDER = ROOT / "docker"
_PASSWORD = "RELAYSCOPE_POSTGRES_PASSWORD"


def _tree(name: str) -> Tree:
    tree = yaml.safe_load(document(name))
    assert isinstance(tree, dict)
    return tree


@pytest.fixture
def compose() -> Tree:
    return _tree("docker/compose.yaml")


@pytest.fixture
def collector() -> Tree:
    return _tree("docker/collector/config.yaml")


def _exposed() -> set[int]:
    """The ports of the image."""
    line = next(line for line in document("docker/Dockerfile").splitlines() if line.startswith("EXPOSE "))
    return {int(port) for port in line.split()[1:]}


def _published(service: Tree) -> list[list[str]]:
    """Host address, host port and container port of each."""
    return [port.split(":") for port in service["ports"]]


def test_images_name_no_registry(compose: Tree) -> None:
    images = [service["image"] for service in compose["services"].values()]
    assert all("." not in image.split("/")[0] for image in images if "/" in image)
    # A collector without a version would change its configuration's meaning some day.
    assert re.fullmatch(
        r"otel/opentelemetry-collector-contrib:\d+\.\d+\.\d+", compose["services"]["collector"]["image"]
    )


def test_it_builds_the_dockerfile(compose: Tree) -> None:
    build = compose["services"]["relayscope"]["build"]
    context = (_FOLDER / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).is_file()


def test_bound_files_exist_and_volumes_are_declared(compose: Tree) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    sources = [mount.split(":")[0] for mount in mounts]
    files = {source for source in sources if source.startswith(".")}
    assert {source for source in files if not (_FOLDER / source).is_file()} == set()
    assert set(sources) - files == set(compose["volumes"])


def test_the_commands_flags_and_variables_exist(compose: Tree) -> None:
    service = compose["services"]["relayscope"]
    name, *words = service["command"]
    assert {word for word in words if word.startswith("--")} <= long_flags(name)
    assert set(service["environment"]) <= variables(name)


def test_every_published_port_belongs_to_this_machine_only(compose: Tree) -> None:
    published = [port for service in compose["services"].values() for port in _published({"ports": [], **service})]
    assert published
    assert {host for host, *_ in published} == {"127.0.0.1"}
    assert len({port for _, port, _ in published}) == len(published)


def test_published_ports_are_listened_on(compose: Tree, collector: Tree) -> None:
    services = compose["services"]
    protocols = collector["receivers"]["otlp"]["protocols"].values()
    listening = {int(protocol["endpoint"].rpartition(":")[2]) for protocol in protocols}
    assert {int(inner) for *_, inner in _published(services["collector"])} == listening
    assert {int(inner) for *_, inner in _published(services["relayscope"])} <= _exposed()


def test_services_find_each_other(compose: Tree) -> None:
    services = compose["services"]
    url = urlsplit(services["relayscope"]["environment"]["RELAYSCOPE_DATABASE_URL"].replace(f"${{{_PASSWORD}}}", "x"))
    postgres = services["postgres"]["environment"]
    assert url.hostname in services
    assert (url.username, url.path) == (postgres["POSTGRES_USER"], f"/{postgres['POSTGRES_DB']}")
    host, port = services["collector"]["environment"]["RELAYSCOPE_OTLP_ENDPOINT"].split(":")
    assert host in services
    assert int(port) in _exposed()
    healthy = {name for name, service in services.items() if "healthcheck" in service or name == "relayscope"}
    for service in services.values():
        waits = service.get("depends_on", {})
        assert {name for name, wait in waits.items() if wait["condition"] == "service_healthy"} <= healthy


def test_the_collector_is_given_time_to_drain(compose: Tree) -> None:
    grace = compose["services"]["relayscope"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > Settings().service.shutdown_grace_s


def test_the_collector_runs_the_file_that_is_mounted(compose: Tree) -> None:
    service = compose["services"]["collector"]
    (config,) = [word.removeprefix("--config=") for word in service["command"]]
    assert config in {mount.split(":")[1] for mount in service["volumes"]}


def test_the_collector_uses_exactly_what_it_defines(collector: Tree) -> None:
    service = collector["service"]
    assert sorted(service["extensions"]) == sorted(collector["extensions"])
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        assert used == set(collector[kind]), kind


def test_the_collector_loses_nothing_that_is_queued(compose: Tree, collector: Tree) -> None:
    exporter = collector["exporters"]["otlp"]
    storage = exporter["sending_queue"]["storage"]
    assert exporter["retry_on_failure"] == exporter["retry_on_failure"] | {"enabled": True, "max_elapsed_time": "0s"}
    assert storage in collector["service"]["extensions"]
    folders = {mount.split(":")[1] for mount in compose["services"]["collector"]["volumes"]}
    assert collector["extensions"][storage]["directory"] in folders


def test_the_collector_limits_memory_first(collector: Tree) -> None:
    assert all(pipeline["processors"][0] == "memory_limiter" for pipeline in collector["service"]["pipelines"].values())


def test_the_collectors_variables_are_given(compose: Tree) -> None:
    names = set(re.findall(r"\$\{env:(\w+)\}", document("docker/collector/config.yaml")))
    assert names == set(compose["services"]["collector"]["environment"])


def test_the_collectors_batches_fit_into_a_request(collector: Tree) -> None:
    batch = collector["processors"]["batch"]
    assert batch["send_batch_size"] <= batch["send_batch_max_size"]
    # The benchmark's largest span takes about 4 KB.
    assert batch["send_batch_max_size"] * 4096 < Settings().receivers.otlp.protocols.grpc.max_request_bytes


def test_compose_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    command = [docker, "compose", "--file", str(_FOLDER / "compose.yaml"), "config", "--quiet"]
    result = subprocess.run(command, env={**os.environ, _PASSWORD: "x"}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
