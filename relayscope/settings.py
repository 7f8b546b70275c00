"""One typed model of everything that can be set. Later sources win: defaults, YAML file, environment, flags.

The YAML file is shaped like the OpenTelemetry Collector's; ``${env:NAME}`` stands for an environment variable. The
environment spells a path with double underscores: ``RELAYSCOPE_SERVICE__WORKERS=4``. Unknown keys are errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from relayscope.settings_problem import ENVIRONMENT, explain, setting_names, suggestion, variable_of
from tracedata import CallerError

_VARIABLE = re.compile(r"\$\{env:(\w+)\}")
_PREFIX = "RELAYSCOPE_"
# Where the tests find what they need, such as another database.
_TEST_PREFIX = "RELAYSCOPE_TEST_"
# What stands in the environment for a flag; a test compares them with the flags.
FLAG_VARIABLES = frozenset(
    f"{_PREFIX}{name}"
    for name in (
        "CONFIG DATA_DIR DATABASE_URL HOST HTTP_PORT JAEGER_GRPC_PORT JAEGER_HTTP_PORT OTLP_GRPC_PORT OTLP_HTTP_PORT URL "
        "WORKERS"
    ).split()
)
_LOOPBACK = "127.0.0.1"

# A nested mapping as it comes from YAML or from flags.
Tree = dict[str, Any]


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """``host:port`` as two values; an IPv6 host stands in brackets.

    Raises:
        ValueError: it is not of that form.
    """
    host, colon, port = endpoint.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise ValueError(f"{endpoint!r} is not of the form host:port")
    if int(port) > 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _checked_endpoint(endpoint: str) -> str:
    split_endpoint(endpoint)
    return endpoint


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
_MIB = 1 << 20


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OtlpGrpcSettings(_Section):
    """OTLP over gRPC."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:4317", description="Where OTLP/gRPC listens.")
    max_request_bytes: int = Field(20 * _MIB, ge=1024, description="Larger requests are refused.")


class OtlpHttpSettings(_Section):
    """OTLP over HTTP."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:4318", description="Where OTLP/HTTP listens.")
    max_request_bytes: int = Field(
        20 * _MIB, ge=1024, description="Larger bodies are refused, before and after decompression."
    )


class OtlpProtocolSettings(_Section):
    """Both ways in."""

    grpc: OtlpGrpcSettings = OtlpGrpcSettings()
    http: OtlpHttpSettings = OtlpHttpSettings()


class OtlpSettings(_Section):
    """The OTLP receiver."""

    protocols: OtlpProtocolSettings = OtlpProtocolSettings()


class ReceiverSettings(_Section):
    """What comes in, and where."""

    otlp: OtlpSettings = OtlpSettings()


class ProcessorSettings(_Section):
    """Processors have no settings yet; what PostgreSQL could refuse is always repaired."""


class StorageSettings(_Section):
    """Where spans are kept, and the bounds of writing and reading."""

    data_dir: Path = Field(Path("relayscope-data"), description="The embedded PostgreSQL and its log live here.")
    database_url: str | None = Field(
        None, description="Use this PostgreSQL (15 or newer) instead of the embedded one.", repr=False
    )
    shared_buffers_mb: int | None = Field(
        None,
        ge=16,
        description="Memory of the embedded server's cache; by default an eighth of the machine's, at most 2 GiB.",
    )
    max_group_rows: int = Field(20_000, ge=1, description="A commit takes about this many spans at most.")
    max_queued_rows: int = Field(200_000, ge=1, description="Spans a worker holds before it refuses more.")
    max_queued_bytes: int = Field(64 * _MIB, ge=_MIB, description="Bytes a worker holds before it refuses more.")
    query_timeout_s: float = Field(30.0, gt=0, description="A query that takes longer is cancelled.")


class HttpSettings(_Section):
    """The HTTP API."""

    endpoint: Endpoint = Field(f"{_LOOPBACK}:8000", description="Where the page and the REST API listen.")


class JaegerSettings(_Section):
    """The ports where Jaeger's clients look."""

    http: Endpoint = Field(f"{_LOOPBACK}:16686", description="The same application, where Jaeger's clients look.")
    grpc: Endpoint = Field(f"{_LOOPBACK}:16685", description="Where gRPC queries listen.")


class LogSettings(_Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")


class ServiceSettings(_Section):
    """Processes and the addresses they answer on."""

    http: HttpSettings = HttpSettings()
    jaeger: JaegerSettings = JaegerSettings()
    logs: LogSettings = LogSettings()
    workers: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=64, description="Ingest processes; one a core."
    )
    shutdown_grace_s: float = Field(10.0, ge=0, description="How long running requests may take to finish at a stop.")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    receivers: ReceiverSettings = ReceiverSettings()
    processors: ProcessorSettings = ProcessorSettings()
    storage: StorageSettings = StorageSettings()
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
    file = _read(config) if config else {}
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


def _read(path: Path) -> Tree:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CallerError(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CallerError(f"cannot read {path}: it is not UTF-8") from exc
    except yaml.YAMLError as exc:
        raise CallerError(f"{path} is not YAML{_position(exc)}") from exc
    if not isinstance(tree, dict | None):
        raise CallerError(f"{path}: expected a mapping at the top")
    expanded: Tree = _expanded(tree or {}, place=str(path))
    return expanded


def _position(error: yaml.YAMLError) -> str:
    """Where the reader gave up. Its own words quote the file, in which a password may stand."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f": see line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _expanded(value: Any, *, place: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, dict):
        return {key: _expanded(item, place=f"{place}: {key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, place=place) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match[1], place=place), value)
    return value


def _variable(name: str, *, place: str) -> str:
    try:
        return os.environ[name]
    except KeyError as exc:
        raise CallerError(f"{place}: the environment variable {name} is not set") from exc


def _merged(low: Tree, high: Mapping[str, Any]) -> Tree:
    merged = dict(low)
    for key, value in high.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged
