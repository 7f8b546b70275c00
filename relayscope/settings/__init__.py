"""One typed model of everything that can be set. Later sources win: defaults, YAML file, environment, flags.

The YAML file is shaped like the OpenTelemetry Collector's; ``${env:NAME}`` stands for an environment variable. The
environment spells a path with double underscores: ``RELAYSCOPE_SERVICE__WORKERS=4``. Unknown keys are errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from relayscope.settings.exporter import Exporters
from relayscope.settings.file import Tree, read_tree
from relayscope.settings.problem import ENVIRONMENT, explain, setting_names, suggestion, variable_of
from relayscope.settings.processor import ProcessorSettings
from relayscope.settings.receiver import ReceiverSettings
from relayscope.settings.service import ServiceSettings
from relayscope.settings.storage import StorageSettings
from tracedata import CallerError

_PREFIX = "RELAYSCOPE_"
# Where the tests find what they need, such as another database.
_TEST_PREFIX = "RELAYSCOPE_TEST_"
# What stands in the environment for a flag; a test compares them with the flags.
FLAG_VARIABLES = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "CONFIG DATA_DIR DATABASE_URL HOST HTTP_PORT JAEGER_GRPC_PORT JAEGER_HTTP_PORT JAEGER_UI OTLP_GRPC_PORT "
        "OTLP_HTTP_PORT URL WORKERS"
    ).split()
)


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    receivers: ReceiverSettings = ReceiverSettings()
    processors: ProcessorSettings = ProcessorSettings()
    storage: StorageSettings = StorageSettings()
    exporters: Exporters = Field({}, description="Where spans and log records go on to, once they are stored.")
    service: ServiceSettings = ServiceSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is the library's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - read by load_settings, between file and flags
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(*, config: Path | None = None, flags: Tree | None = None) -> Settings:
    """Reads all sources; ``flags`` is a tree like the YAML file's with what was given on the command line.

    Raises:
        CallerError: the file cannot be read, or a value is wrong; the message names the place.
    """
    file = read_tree(config) if config else {}
    environment = _environment()
    try:
        return Settings(**_merged(_merged(file, environment), flags or {}))
    except ValidationError as exc:
        sources = {str(config): file, ENVIRONMENT: environment, "a flag": flags or {}}
        raise CallerError(explain(exc, sources=sources, known=set(setting_names(Settings)), prefix=_PREFIX)) from exc


def _environment() -> Tree:
    """What the environment sets."""
    variables = {variable_of(name, prefix=_PREFIX) for name in setting_names(Settings)}
    for name in sorted(os.environ):
        upper = name.upper()
        # Settings are found whatever the case; flags are not.
        is_read = upper in variables or name in FLAG_VARIABLES
        if upper.startswith(_PREFIX) and not is_read and not upper.startswith(_TEST_PREFIX):
            closest = suggestion(upper, FLAG_VARIABLES | variables)
            raise CallerError(f"the environment variable {name} names no setting{closest}")
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as exc:
        section = re.search(r'field "(\w+)"', str(exc))
        raise CallerError(
            f"the environment variable {_PREFIX}{section[1].upper() if section else ''} is not JSON"
        ) from exc


def _merged(low: Tree, high: Mapping[str, object]) -> Tree:
    merged = dict(low)
    for key, value in high.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged
