from __future__ import annotations

import os

import pytest
import typer
from typer.testing import CliRunner

from relayscope.cli import option
from relayscope.settings import Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings are no part of a test."""
    for name in os.environ:
        if name.startswith("RELAYSCOPE_"):
            monkeypatch.delenv(name)


def _told(arguments: list[str], environment: dict[str, str]) -> tuple[str, Settings]:
    """What a command with the shared flags is given."""
    told: list[tuple[str, Settings]] = []

    def command(*, before: str = "-", given: option.Given, after: str = "-") -> None:
        told.append((before + after, given.settings()))

    app = typer.Typer()
    app.command()(option.with_settings(command))
    result = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return told[0]


@pytest.mark.parametrize(
    ("arguments", "environment", "own"),
    [
        (["--workers", "3", "--http-port", "81", "--host", "h", "--after", "b"], {}, "-b"),
        ([], {"RELAYSCOPE_WORKERS": "3", "RELAYSCOPE_HTTP_PORT": "81", "RELAYSCOPE_HOST": "h"}, "--"),
        (["--workers", "3", "--before", "a"], {"RELAYSCOPE_HTTP_PORT": "81", "RELAYSCOPE_HOST": "h"}, "a-"),
    ],
    ids=["flags", "variables", "both"],
)
def test_shared_flags_become_settings(arguments: list[str], environment: dict[str, str], own: str) -> None:
    told, settings = _told(arguments, environment)
    assert told == own
    assert settings.service.workers == 3
    assert settings.service.http.endpoint == "h:81"
    assert settings.receivers.otlp.protocols.grpc.endpoint == "h:4317"
