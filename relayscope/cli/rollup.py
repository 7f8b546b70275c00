"""The commands ``rollup status`` and ``rollup rebuild``: how far rolling up is behind, and doing it once more."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from query.moment import parse_moment
from relayscope.cli import option
from relayscope.cli.database import database_of
from relayscope.cli.stoppable import run_until_stopped
from relayscope.database import build_rollups
from relayscope.entry import INTERRUPTED
from relayscope.log import configure_logging
from relayscope.settings import Settings
from storage.rollup import RollupStatus
from tracedata import CallerError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

rollup_app = typer.Typer(
    name="rollup", no_args_is_help=True, help="Look after what service maps and statistics are read from."
)


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What ``rebuild --json`` prints at the end."""

    days: int
    status: RollupStatus


def register(app: typer.Typer) -> None:
    """Adds the commands to the program's."""
    app.add_typer(rollup_app)


@rollup_app.command()
def status(
    *,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Show what waits to be rolled up; answers are right all the same."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    configure_logging("warning")
    found = run_until_stopped(_status(settings))
    if found is None:
        raise typer.Exit(INTERRUPTED)
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    typer.echo(_told(found))


@rollup_app.command()
def rebuild(
    *,
    start: Annotated[str, typer.Option("--start", help="From when on: ISO-8601, or relative, such as -7d.")] = "0",
    end: Annotated[str, typer.Option("--end", help="Up to when.", show_default="all that comes")] = "+2d",
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Roll up what is stored once more, by whole days; spans stay as they are, and answers are right meanwhile."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    period = (_moment("--start", start), _moment("--end", end))
    if period[0] >= period[1]:
        raise CallerError("--start is not before --end")
    configure_logging("warning")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} done"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        done = run_until_stopped(_rebuilt(settings, period, progress))
    if done is None:
        typer.echo("What is left is rolled up by the next `relayscope up`, or by this command.", err=True)
        raise typer.Exit(INTERRUPTED)
    typer.echo(msgspec.json.encode(done) if as_json else f"Rolled up {done.days:,} days. {_told(done.status)}")


async def _status(settings: Settings) -> RollupStatus:
    async with database_of(settings) as dsn:
        return await build_rollups(dsn).status()


async def _rebuilt(settings: Settings, period: tuple[datetime, datetime], progress: Progress) -> Rebuilt:
    async with database_of(settings) as dsn:
        rollups = build_rollups(dsn)
        days = await rollups.mark(start=period[0], end=period[1])
        task = progress.add_task("Rolling up", total=None)
        most = 1

        def tell(found: RollupStatus) -> None:
            nonlocal most
            most = max(most, found.dirty)
            progress.update(task, total=most, completed=most - found.dirty)

        await rollups.drain(on_progress=tell)
        return Rebuilt(days=days, status=await rollups.status())


def _moment(name: str, text: str) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=parse_moment(text, time.time_ns() // 1_000))
    except CallerError as exc:
        raise CallerError(f"{name}: {exc}") from exc


def _told(found: RollupStatus) -> str:
    if not found.dirty:
        return f"Nothing waits to be rolled up; {found.stale:,} hours and days are made anew when they are over."
    where = f"{found.oldest:%Y-%m-%d %H:%M} to {found.newest:%Y-%m-%d %H:%M}" if found.oldest and found.newest else ""
    return (
        f"{found.dirty:,} times between {where} wait to be rolled up, the first for {found.lag_s:,.0f} s; "
        f"{found.stale:,} hours and days are made anew when they are over."
    )
