from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

from relayscope.cli import app
from relayscope.settings import FLAG_VARIABLES, Settings, load_settings
from relayscope.settings.exporter import EXPORTERS
from tests.support.repository import document

_PAGE = "docs/configuration.md"
_ROW = re.compile(r"^\| `([a-z_.]+\.[a-z_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)
_EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
# Defaults that follow from the machine, or that are none, in words.
_WORDS = {
    "processors.redaction.entities": "the default policy",
    "processors.redaction.countries": "none",
    "processors.redaction.allow": "the default policy",
    "processors.redaction.deny": "none",
    "processors.redaction.recognizers": "none",
    "processors.redaction.drop_content": "none",
    "processors.redaction.ner": "none",
    "processors.redaction.workspaces": "none",
    "processors.redaction.key_file": "`redaction.key` in the data folder",
    "processors.ai.prices": "none",
    "storage.database_url": "the embedded PostgreSQL",
    "storage.shared_buffers_mb": "from the machine's memory",
    "storage.retention.spans": "everything is kept",
    "storage.retention.log_records": "everything is kept",
    "storage.retention.ai_interactions": "as long as spans",
    "storage.retention.decisions": "as long as spans",
    "storage.sql.key_file": "`sql.key` in the data folder",
    "exporters.otlp.endpoint": "required",
    "exporters.otlphttp.endpoint": "required",
    "exporters.file.path": "required",
    **{
        f"exporters.{kind}.{name}": words
        for kind in ("otlp", "otlphttp", "console", "file")
        for name, words in {
            "signals": "`traces` and `logs`",
            "headers": "none",
            "tls.ca_file": "those of the system",
            "tls.cert_file": "none",
            "tls.key_file": "none",
        }.items()
    },
    "service.http.allowed_hosts": "none",
    "service.jaeger.ui": "none",
    "service.logs.file": "none",
    "service.telemetry.traces.endpoint": "none",
    "service.workers": "from the number of cores",
}


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str | None]]:
    """Each setting: its path, its default as the page writes it, and what it means."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if path == "exporters":
            # There are any number of them; the page has each kind once.
            for kind, exporter in EXPORTERS.items():
                yield from _settings(exporter, f"exporters.{kind}.")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{path}.")
        else:
            yield path, _WORDS.get(path, f"`{field.default}`"), field.description


def test_every_setting_is_documented_as_it_is() -> None:
    assert _ROW.findall(document(_PAGE)) == list(_settings(Settings))


def test_the_examples_of_files_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "relayscope.yaml"
    settings = []
    for example in _EXAMPLE.findall(document(_PAGE)):
        path.write_text(example.replace("${env:DATABASE_URL}", "postgresql:///x"))
        settings.append(load_settings(config=path))
    assert "postgresql:///x" in {one.storage.database_url for one in settings}
    assert ["traces.example.com", "*.observability"] in [one.service.http.allowed_hosts for one in settings]


def test_every_variable_of_a_flag_is_documented() -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    variables = {
        (param.opts[0], str(param.envvar)) for one in root.commands.values() for param in one.params if param.envvar
    }
    assert variables
    text = document(_PAGE)
    assert {pair for pair in variables if not re.search(rf"`{pair[0]}`.*`{pair[1]}`", text)} == set()
    stated = set(re.findall(r"^\| `(--[a-z-]+)` \| `(RELAYSCOPE_[A-Z_]+)`", text, re.MULTILINE))
    assert stated <= variables
    assert {variable for _, variable in variables} == FLAG_VARIABLES
