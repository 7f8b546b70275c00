"""Commands that run the system: ``up``, ``demo``, ``migrate``."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from relayscope.app import build_jaeger_ui
from relayscope.cli import option
from relayscope.cli.stoppable import run_until_stopped
from relayscope.database import Schema, build_database, check_database_url, migrate_schema
from relayscope.demo.command import demo as run_demo
from relayscope.log import configure_logging
from relayscope.settings import Settings
from relayscope.supervisor import Ready, running_system
from tracedata import CallerError

_console = Console(stderr=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(up)
    app.command()(demo)
    app.command(name="migrate")(migrate_command)


@option.with_settings
def up(*, given: option.Given, ready_file: option.ReadyFile = None) -> None:
    """Run the whole system until Ctrl-C or SIGTERM. A port of 0 means any free one."""
    settings = given.settings()
    check_database_url(settings)
    build_jaeger_ui(settings)
    logs = settings.service.logs
    configure_logging(logs.level, log_format=logs.format, file=logs.file, role="supervisor")
    run_until_stopped(_serve(settings, ready_file))
    _console.print("Stopped.")


async def _serve(settings: Settings, ready_file: Path | None) -> None:
    _console.print("Starting Relayscope ...")
    async with running_system(settings, ready_file=ready_file) as ready:
        _console.print(_addresses(ready, settings))
        try:
            await asyncio.Event().wait()
        finally:
            _console.print("Stopping: taking nothing more, committing what was accepted ...")


@option.with_settings
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Load a fixed amount, verify it, print a summary, end.")] = False,
    traces: Annotated[int, typer.Option("--traces", min=1, max=100_000, help="Traces to load at first.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same content.")] = 7,
    as_json: option.AsJson = False,
    given: option.Given,
    ready_file: option.ReadyFile = None,
) -> None:
    """Run the system with a simulated AI gateway (RelayCore) that sends real OTLP to it."""
    if as_json and not once:
        raise CallerError("--json needs --once: without it the demo goes on, and has no summary to print")
    settings = _quiet(given.settings())
    check_database_url(settings)
    build_jaeger_ui(settings)
    configure_logging(settings.service.logs.level)
    job = _demo(settings, once=once, traces=traces, seed=seed, as_json=as_json, ready_file=ready_file)
    raise typer.Exit(run_until_stopped(job) or 0)


def _quiet(settings: Settings) -> Settings:
    """The same without what processes say of their ordinary work, which would stand between the lines of the demo."""
    logs = settings.service.logs
    if logs.level == "info":
        service = settings.service.model_copy(update={"logs": logs.model_copy(update={"level": "warning"})})
        return settings.model_copy(update={"service": service})
    return settings


async def _demo(
    settings: Settings, *, once: bool, traces: int, seed: int, as_json: bool, ready_file: Path | None
) -> int:
    _console.print("Starting Relayscope ...")
    async with running_system(settings, ready_file=ready_file) as ready:
        places = msgspec.to_builtins(ready)
        console = Console(highlight=False)
        stop = threading.Event()
        # The simulation and its exporters block, as in any instrumented service, so they get a thread.
        simulation = asyncio.create_task(
            asyncio.to_thread(
                run_demo, places, once=once, as_json=as_json, seed=seed, traces=traces, console=console, stop=stop
            )
        )
        try:
            return await asyncio.shield(simulation)
        finally:
            stop.set()
            await simulation


def migrate_command(
    *,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
    citus: Annotated[bool, typer.Option("--citus", help="Distribute the tables over the nodes of Citus.")] = False,
    as_json: option.AsJson = False,
) -> None:
    """Bring the database's schema up to date; the command up does so by itself."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    configure_logging("warning")
    if citus and settings.storage.database_url is None:
        raise CallerError("--citus: the embedded PostgreSQL has no Citus; name the coordinator with --database-url")
    schema = run_until_stopped(_migrate(settings, on_citus=citus))
    if schema is None:
        raise typer.Exit(1)
    if as_json:
        typer.echo(msgspec.json.encode(schema))
        return
    for name in schema.applied:
        typer.echo(f"applied {name}")
    for name in schema.distributed:
        typer.echo(f"distributed {name}")
    typer.echo(f"The schema is at version {schema.schema_version}.")


async def _migrate(settings: Settings, *, on_citus: bool) -> Schema:
    if settings.storage.database_url is not None:
        return await migrate_schema(settings.storage.database_url, on_citus=on_citus)
    database = build_database(settings)
    await database.start()
    try:
        return await migrate_schema(database.dsn)
    finally:
        await database.aclose()


def _addresses(ready: Ready, settings: Settings) -> Table:
    host = settings.service.http.endpoint.rpartition(":")[0]
    table = Table.grid(padding=(0, 2))
    for label, address in (
        ("[bold green]Relayscope is ready.[/]", ""),
        ("  REST API, page", f"http://{host}:{ready.http}"),
        ("  Jaeger HTTP", f"http://{host}:{ready.jaeger_http}"),
        ("  gRPC queries", f"{host}:{ready.jaeger_grpc}"),
        ("  OTLP/gRPC", f"http://{host}:{ready.otlp_grpc}"),
        ("  OTLP/HTTP", f"http://{host}:{ready.otlp_http}/v1/traces"),
        ("  Data", str(settings.storage.data_dir) if settings.storage.database_url is None else "your PostgreSQL"),
        ("Ctrl-C stops it.", ""),
    ):
        table.add_row(label, address)
    return table
