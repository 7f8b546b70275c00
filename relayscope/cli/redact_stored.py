"""The commands ``redact verify`` and ``redact apply``: what redaction says about what is stored already."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from relayscope.actor import actor
from relayscope.cli import option
from relayscope.cli.database import database_of
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.render.text import clean
from relayscope.cli.stoppable import run_until_stopped
from relayscope.entry import INTERRUPTED
from relayscope.log import configure_logging
from relayscope.redaction import build_reredaction, verify_stored
from relayscope.settings import Settings
from storage.redaction import Application, ApplyProgress, Verification, VerifyProgress

_PIPE_CELLS = 160
_FOUND = 1

# What a bar is told: a description, how much is done, and of how much.
_Tell = Callable[[str, int, int], None]

Deep = Annotated[
    bool, typer.Option("--deep", help="Look through what a logical dump holds too, and the planner's statistics.")
]


def register(redact_app: typer.Typer) -> None:
    """Adds the commands to the group ``redact``."""
    redact_app.command()(verify)
    redact_app.command()(apply)


def verify(
    *,
    deep: Deep = False,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Look for personal data and secrets in what is stored; prints places and counts, never values."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    configure_logging("warning")
    with _bar() as tell:
        found = asyncio.run(_verification(settings, deep=deep, tell=tell))
    if as_json:
        typer.echo(msgspec.json.encode(found))
    else:
        _draw(found)
    if found.places:
        raise typer.Exit(_FOUND)


def apply(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a line a page, and one at the end.")] = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Redact stored spans and log records as the policy asks for now; goes on where an interrupted run has stopped."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    configure_logging("warning")
    with _bar() as tell:
        done = run_until_stopped(_application(settings, tell=tell, as_json=as_json))
    if done is None:
        typer.echo("Stopped. What was done stays; the same command goes on from there.", err=True)
        raise typer.Exit(INTERRUPTED)
    if as_json:
        typer.echo(msgspec.json.encode(done))
        return
    _tell_done(done)


async def _verification(settings: Settings, *, deep: bool, tell: _Tell) -> Verification:
    def on_progress(progress: VerifyProgress) -> None:
        tell(progress.table, progress.rows, progress.expected_rows)

    async with database_of(settings) as dsn:
        return await verify_stored(settings, dsn, deep=deep, on_progress=on_progress)


async def _application(settings: Settings, *, tell: _Tell, as_json: bool) -> Application:
    def on_progress(progress: ApplyProgress) -> None:
        tell(progress.partition, progress.rows, progress.expected_rows)
        if as_json:
            typer.echo(msgspec.json.encode(progress))

    async with database_of(settings) as dsn:
        return await build_reredaction(settings, dsn, actor=actor()).apply(on_progress=on_progress)


@contextlib.contextmanager
def _bar() -> Iterator[_Tell]:
    """A bar on standard error, when somebody is there to see it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(description: str, done: int, total: int) -> None:
            progress.update(task, description=clean(description), completed=done, total=total)

        yield tell


def _draw(found: Verification) -> None:
    console = Console(highlight=False)
    # In a pipe there is no width to be had, and a cut line would be of no use.
    console.width = console.width if console.is_terminal else max(console.width, _PIPE_CELLS)
    if found.places:
        made = table(left=("WHERE", "KEY", "ENTITY"), right=("COUNT", "FIRST SEEN"))
        for place in found.places:
            moment = f"{place.first_seen:%Y-%m-%d %H:%M}" if place.first_seen else "-"
            made.add_row(name_cell(place.column), name_cell(place.key), place.entity, f"{place.count:,}", moment)
        console.print(made)
    counted = f"{found.found:,} found" if found.places else "nothing found"
    console.print(note(f"{counted} in {found.rows:,} rows of {found.tables:,} tables; policy {found.policy}"))


def _tell_done(done: Application) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"run {done.run_id}: looked at {done.spans:,} spans and {done.log_records:,} log records and redacted "
        f"{done.changed:,}, {done.entries:,} resources and scopes, and {done.operations:,} operations."
    )
    for entity, count in done.entities.items():
        console.print(note(f"{entity}: {count:,}"))
    if done.skipped:
        console.print(
            f"{done.skipped:,} of them could not be read and were left: their resource or scope is not stored."
        )
