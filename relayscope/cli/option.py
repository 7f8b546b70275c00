"""The options that several commands share, and the settings that follow from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from relayscope.cli.flags import with_flags
from relayscope.settings import Settings, load_settings
from relayscope.settings.file import Tree
from relayscope.settings.value import split_endpoint

_DATABASE_URL = "RELAYSCOPE_DATABASE_URL"
_STORAGE, _NETWORK = "Storage", "Network"

Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file shaped like the Collector's.", envvar="RELAYSCOPE_CONFIG")
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the embedded PostgreSQL. Default: relayscope-data.",
        envvar="RELAYSCOPE_DATA_DIR",
        rich_help_panel=_STORAGE,
        # Whether it can be used is said by those who use it, with advice.
        readable=False,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="Use this PostgreSQL (15 or newer) instead of the embedded one.",
        envvar=_DATABASE_URL,
        rich_help_panel=_STORAGE,
    ),
]
AllowDataLoss = Annotated[
    bool,
    typer.Option(
        "--allow-data-loss-on-crash",
        help="Start even when the database has fsync or full_page_writes off.",
        rich_help_panel=_STORAGE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Ingest processes. Default: one a core.", envvar="RELAYSCOPE_WORKERS"),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        help="Listen here on all ports. Default: 127.0.0.1.",
        envvar="RELAYSCOPE_HOST",
        rich_help_panel=_NETWORK,
    ),
]
HttpPort = Annotated[
    int | None,
    typer.Option(
        "--http-port",
        min=0,
        max=65_535,
        help="Page and REST API. Default: 8000.",
        envvar="RELAYSCOPE_HTTP_PORT",
        rich_help_panel=_NETWORK,
    ),
]
JaegerHttpPort = Annotated[
    int | None,
    typer.Option(
        "--jaeger-http-port",
        min=0,
        max=65_535,
        help="Jaeger's HTTP API. Default: 16686.",
        envvar="RELAYSCOPE_JAEGER_HTTP_PORT",
        rich_help_panel=_NETWORK,
    ),
]
JaegerGrpcPort = Annotated[
    int | None,
    typer.Option(
        "--jaeger-grpc-port",
        min=0,
        max=65_535,
        help="gRPC queries. Default: 16685.",
        envvar="RELAYSCOPE_JAEGER_GRPC_PORT",
        rich_help_panel=_NETWORK,
    ),
]
OtlpGrpcPort = Annotated[
    int | None,
    typer.Option(
        "--otlp-grpc-port",
        min=0,
        max=65_535,
        help="OTLP/gRPC. Default: 4317.",
        envvar="RELAYSCOPE_OTLP_GRPC_PORT",
        rich_help_panel=_NETWORK,
    ),
]
OtlpHttpPort = Annotated[
    int | None,
    typer.Option(
        "--otlp-http-port",
        min=0,
        max=65_535,
        help="OTLP/HTTP. Default: 4318.",
        envvar="RELAYSCOPE_OTLP_HTTP_PORT",
        rich_help_panel=_NETWORK,
    ),
]
JaegerUi = Annotated[
    Path | None,
    typer.Option(
        "--jaeger-ui",
        help="Show the unpacked build of Jaeger's web page in this folder.",
        envvar="RELAYSCOPE_JAEGER_UI",
        # Whether it can be used is said by those who use it, with advice.
        readable=False,
    ),
]
ReadyFile = Annotated[
    Path | None,
    typer.Option("--ready-file", help="Written as JSON when all is ready: ports, database URL, process ids."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# Flag, the endpoint it belongs to.
_ENDPOINTS = {
    "http_port": ("service", "http", "endpoint"),
    "jaeger_http_port": ("service", "jaeger", "http"),
    "jaeger_grpc_port": ("service", "jaeger", "grpc"),
    "otlp_grpc_port": ("receivers", "otlp", "protocols", "grpc", "endpoint"),
    "otlp_http_port": ("receivers", "otlp", "protocols", "http", "endpoint"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The flags of every command that runs, or looks at, a whole system. A field is a flag."""

    config: Config = None
    data_dir: DataDir = None
    database_url: DatabaseUrl = None
    allow_data_loss: AllowDataLoss = False
    workers: Workers = None
    host: Host = None
    http_port: HttpPort = None
    jaeger_http_port: JaegerHttpPort = None
    jaeger_grpc_port: JaegerGrpcPort = None
    otlp_grpc_port: OtlpGrpcPort = None
    otlp_http_port: OtlpHttpPort = None
    jaeger_ui: JaegerUi = None

    def settings(self) -> Settings:
        """See ``settings_from``."""
        return settings_from(
            config=self.config,
            data_dir=self.data_dir,
            database_url=self.database_url,
            allow_data_loss=self.allow_data_loss,
            workers=self.workers,
            host=self.host,
            jaeger_ui=self.jaeger_ui,
            ports={name: getattr(self, name) for name in _ENDPOINTS},
        )


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command that takes ``given`` the flags of ``Given`` in its place."""
    return with_flags(command, Given, into="given")


def settings_from(
    *,
    config: Path | None,
    data_dir: Path | None = None,
    database_url: str | None = None,
    allow_data_loss: bool = False,
    workers: int | None = None,
    host: str | None = None,
    jaeger_ui: Path | None = None,
    ports: dict[str, int | None] | None = None,
) -> Settings:
    """All sources together; what was not given on the command line is left to the others.

    Raises:
        CallerError: a setting is wrong; the message names it.
    """
    # The library takes an empty variable for one that is not set.
    database_url = os.environ.get(_DATABASE_URL) if database_url is None else database_url
    flags: Tree = {}
    if data_dir is not None:
        _put(flags, ("storage", "data_dir"), data_dir)
    if database_url is not None:
        _put(flags, ("storage", "database_url"), database_url)
    if allow_data_loss:
        _put(flags, ("storage", "allow_data_loss_on_crash"), True)
    if workers is not None:
        _put(flags, ("service", "workers"), workers)
    if jaeger_ui is not None:
        _put(flags, ("service", "jaeger", "ui"), jaeger_ui)
    below = load_settings(config=config, flags=flags).model_dump(mode="json")
    for name, path in _ENDPOINTS.items():
        port = (ports or {}).get(name)
        if host is not None or port is not None:
            _put(flags, path, _endpoint(_get(below, path), host=host, port=port))
    return load_settings(config=config, flags=flags)


def _endpoint(current: str, *, host: str | None, port: int | None) -> str:
    old_host, old_port = split_endpoint(current)
    new_host = old_host if host is None else host
    return f"{f'[{new_host}]' if ':' in new_host else new_host}:{old_port if port is None else port}"


def _put(tree: Tree, path: tuple[str, ...], value: object) -> None:
    *folders, leaf = path
    for folder in folders:
        tree = tree.setdefault(folder, {})
    tree[leaf] = value


def _get(tree: Tree, path: tuple[str, ...]) -> str:
    *folders, leaf = path
    for folder in folders:
        tree = tree[folder]
    return str(tree[leaf])
