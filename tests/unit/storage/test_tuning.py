from __future__ import annotations

import pytest

from storage.postgres.tuning import machine_memory_mb, render, server_settings

SIZES = [256, 512, 1_024, 4_096, 16_384, 65_536, 1_048_576]


@pytest.mark.parametrize(
    ("memory_mb", "expected"),
    [(256, "64MB"), (1_024, "128MB"), (4_096, "512MB"), (16_384, "2048MB"), (1_048_576, "2048MB")],
)
def test_the_cache_is_an_eighth_of_the_memory_within_bounds(memory_mb: int, expected: str) -> None:
    assert server_settings(memory_mb=memory_mb)["shared_buffers"] == expected


def test_the_cache_can_be_chosen() -> None:
    assert server_settings(memory_mb=65_536, shared_buffers_mb=16)["shared_buffers"] == "16MB"


@pytest.mark.parametrize("memory_mb", SIZES)
def test_commits_are_durable_on_any_machine(memory_mb: int) -> None:
    settings = server_settings(memory_mb=memory_mb)
    names = ("fsync", "full_page_writes", "synchronous_commit")
    assert {name: settings[name] for name in names} == dict.fromkeys(names, "on")


@pytest.mark.parametrize("memory_mb", SIZES)
def test_no_setting_asks_for_more_than_the_machine_has(memory_mb: int) -> None:
    settings = server_settings(memory_mb=memory_mb)
    asked = [int(settings[name].removesuffix("MB")) for name in ("shared_buffers", "maintenance_work_mem")]
    assert sum(asked) <= memory_mb


def test_the_server_is_not_on_the_network() -> None:
    settings = server_settings(memory_mb=1_024)
    assert settings["listen_addresses"] == "''"
    assert settings["unix_socket_permissions"] == "0700"


def test_this_machine_has_memory() -> None:
    assert machine_memory_mb() > 64


def test_the_file_has_one_line_a_setting() -> None:
    assert render({"a": "1", "b": "'x'"}).splitlines()[1:] == ["a = 1", "b = 'x'"]
