"""The commands ``reprocess ai`` and ``interactions reprice``: what is made of stored spans, made anew."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from query.moment import parse_moment
from relayscope.cli import option
from relayscope.cli.database import database_of
from relayscope.cli.render.table import name_cell, note, table
from relayscope.cli.stoppable import run_until_stopped
from relayscope.entry import INTERRUPTED
from relayscope.interaction import build_repricing, build_reprocessing
from relayscope.log import configure_logging
from relayscope.settings import Settings
from storage.interaction import Period, Repriced, RepriceProgress, Reprocessed, ReprocessProgress
from tracedata import CallerError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PIPE_CELLS = 120
_SHOWN_MODELS = 20

reprocess_app = typer.Typer(
    name="reprocess", no_args_is_help=True, help="Make anew what was made of stored spans and log records."
)

Since = Annotated[str, typer.Option("--since", help="From when on: ISO-8601, or relative, such as -7d.")]
Until = Annotated[str, typer.Option("--until", help="Up to when.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: a line a page, and one at the end.")]
# What a bar is told: how far it has come, and how much was done.
_Tell = Callable[[datetime, int], None]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(reprocess_app)


@reprocess_app.command("ai")
def reprocess_ai(
    *,
    since: Since,
    until: Until = "now",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Make AI interactions and decisions anew from what is stored, as this version understands it; changes nothing else."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    period = _period(since, until)
    configure_logging("warning")
    with _course(period) as course:
        done = run_until_stopped(_reprocessed(settings, period, dry_run=dry_run, tell=course.tell, as_json=as_json))
    if done is None:
        course.stop()
    if as_json:
        typer.echo(msgspec.json.encode(done))
        return
    _tell_reprocessed(done)


def reprice(
    *,
    since: Since,
    until: Until = "now",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Compute the costs of stored interactions anew, at the prices of now, and list the models that have none."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    period = _period(since, until)
    configure_logging("warning")
    with _course(period) as course:
        done = run_until_stopped(_repriced(settings, period, dry_run=dry_run, tell=course.tell, as_json=as_json))
    if done is None:
        course.stop()
    if as_json:
        typer.echo(msgspec.json.encode(done))
        return
    _tell_repriced(done)


def _period(since: str, until: str) -> Period:
    now_us = time.time_ns() // 1_000
    bounds: list[datetime] = []
    for name, text in (("--since", since), ("--until", until)):
        try:
            bounds.append(_EPOCH + timedelta(microseconds=parse_moment(text, now_us)))
        except CallerError as exc:
            raise CallerError(f"{name}: {exc}") from exc
    if bounds[0] >= bounds[1]:
        raise CallerError("--since is not before --until")
    return Period(since=bounds[0], until=bounds[1])


async def _reprocessed(settings: Settings, period: Period, *, dry_run: bool, tell: _Tell, as_json: bool) -> Reprocessed:
    def on_progress(progress: ReprocessProgress) -> None:
        tell(progress.done_until, progress.traces)
        if as_json:
            typer.echo(msgspec.json.encode(progress))

    async with database_of(settings) as dsn:
        return await build_reprocessing(settings, dsn).reprocess(period, dry_run=dry_run, on_progress=on_progress)


async def _repriced(settings: Settings, period: Period, *, dry_run: bool, tell: _Tell, as_json: bool) -> Repriced:
    def on_progress(progress: RepriceProgress) -> None:
        tell(progress.done_until, progress.interactions)
        if as_json:
            typer.echo(msgspec.json.encode(progress))

    async with database_of(settings) as dsn:
        return await build_repricing(settings, dsn).reprice(period, dry_run=dry_run, on_progress=on_progress)


class _Course:
    """How far a run has come: a bar on standard error, when somebody is there to see it."""

    def __init__(self, progress: Progress, period: Period) -> None:
        self._progress = progress
        self._since = period.since
        self._task = progress.add_task("", total=(period.until - period.since).total_seconds())
        self._reached: datetime | None = None

    def tell(self, done_until: datetime, count: int) -> None:
        self._reached = done_until
        done_s = (done_until - self._since).total_seconds()
        self._progress.update(self._task, description=f"{done_until:%Y-%m-%d} {count:,}", completed=done_s)

    def stop(self) -> NoReturn:
        """Says where a run that was stopped can go on."""
        if self._reached is not None:
            typer.echo(f"stopped; what was done stays. Go on with --since {self._reached:%Y-%m-%dT%H:%M:%SZ}", err=True)
        raise typer.Exit(INTERRUPTED)


@contextlib.contextmanager
def _course(period: Period) -> Iterator[_Course]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Course(progress, period)


def _tell_reprocessed(done: Reprocessed) -> None:
    console = Console(highlight=False, soft_wrap=True)
    would = "would be " if done.is_dry_run else ""
    console.print(f"looked at {done.traces:,} traces.")
    for name, made in (("interactions", done.interactions), ("decisions", done.decisions)):
        console.print(f"{made.added:,} {name} {would}added, {made.removed:,} removed, {made.changed:,} changed.")
        for field, count in made.fields.items():
            console.print(note(f"{field}: {count:,}"))
    if done.failed:
        console.print(f"{done.failed:,} traces could not be understood; what was made of them stays as it was.")
    if done.oversized:
        console.print(
            f"{done.oversized:,} traces are too large to be read whole; what was made of them stays as it was."
        )


def _tell_repriced(done: Repriced) -> None:
    console = Console(highlight=False, soft_wrap=True)
    would = "would change" if done.is_dry_run else "changed"
    console.print(f"looked at {done.interactions:,} calls: the cost of {done.changed:,} {would}.")
    for total in done.totals:
        console.print(note(f"{total.currency}: {total.before:,.6f} before, {total.after:,.6f} after"))
    if done.unmapped:
        console.width = console.width if console.is_terminal else max(console.width, _PIPE_CELLS)
        made = table(left=("PROVIDER", "MODEL WITHOUT A PRICE"), right=("CALLS", "TOKENS"))
        for one in done.unmapped[:_SHOWN_MODELS]:
            made.add_row(name_cell(one.provider), name_cell(one.model), f"{one.calls:,}", f"{one.tokens:,}")
        console.print(made)
    if len(done.unmapped) > _SHOWN_MODELS:
        console.print(note(f"and {len(done.unmapped) - _SHOWN_MODELS:,} more; --json has all"))
