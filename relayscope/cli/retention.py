"""The command ``retention``: what is stored, and what is too old."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from relayscope.cli import option
from relayscope.cli.database import database_of
from relayscope.cli.render.table import note, table
from relayscope.cli.render.text import ERROR, FAINT, clean
from relayscope.database import build_retention
from relayscope.log import configure_logging
from relayscope.settings import Settings
from relayscope.settings.value import parse_age
from storage.retention import EXPIRED_ROWS_LIMIT, Removal, StoredPartition, Survey
from tracedata import CallerError

_PIPE_CELLS = 120


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--json`` prints. ``removed`` is empty unless something was to be removed."""

    surveys: Sequence[Survey]
    removed: Sequence[Removal]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(retention)


def retention(
    *,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", help="Such as 30d, 12h or 8w.", show_default="storage.retention of the settings"),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Remove what is too old, or only show it.")] = False,
    as_json: option.AsJson = False,
    config: option.Config = None,
    data_dir: option.DataDir = None,
    database_url: option.DatabaseUrl = None,
) -> None:
    """Show what is stored, partition by partition, and what is too old; --apply removes that."""
    settings = option.settings_from(config=config, data_dir=data_dir, database_url=database_url)
    if older_than is not None:
        settings = _kept_for(settings, older_than)
    if apply and not settings.storage.retention.periods:
        raise CallerError(
            "nothing is too old: give --older-than, or set storage.retention.spans or storage.retention.log_records"
        )
    configure_logging("warning")
    answer = asyncio.run(_answer(settings, apply=apply))
    if as_json:
        typer.echo(msgspec.json.encode(answer))
        return
    console = Console(highlight=False)
    # In a pipe there is no width to be had, and a cut line would be of no use.
    console.width = console.width if console.is_terminal else max(console.width, _PIPE_CELLS)
    for survey in answer.surveys:
        _draw(survey, console)
    for removal in answer.removed:
        console.print(_told(removal))


def _kept_for(settings: Settings, age: str) -> Settings:
    try:
        parse_age(age)
    except ValueError as exc:
        raise CallerError(f"--older-than: {exc}") from exc
    signals = ("spans", "log_records", "ai_interactions", "decisions")
    kept = settings.storage.retention.model_copy(update=dict.fromkeys(signals, age))
    return settings.model_copy(update={"storage": settings.storage.model_copy(update={"retention": kept})})


async def _answer(settings: Settings, *, apply: bool) -> Answer:
    async with database_of(settings) as dsn:
        retention = build_retention(settings, dsn)
        removed = await retention.apply() if apply else []
        return Answer(surveys=await retention.survey(), removed=removed)


def _draw(survey: Survey, console: Console) -> None:
    made = table(left=("PARTITION", "FROM", "TO"), right=("ROWS", "MIB", ""))
    for one in survey.partitions:
        rows = "-" if one.rows is None else f"{one.rows:,}"
        made.add_row(
            clean(one.name), _moment(one.start), _moment(one.end), rows, f"{one.bytes / (1 << 20):,.1f}", _fate(one)
        )
    console.print(made)
    kept = "everything is kept" if survey.cutoff is None else f"older than {_moment(survey.cutoff)} goes"
    console.print(note(f"{survey.signal}: {kept}; rows are PostgreSQL's estimate"))


def _fate(partition: StoredPartition) -> Text:
    if partition.expires:
        return Text("drop", style=ERROR)
    if partition.expired_rows:
        or_more = "+" if partition.expired_rows >= EXPIRED_ROWS_LIMIT else ""
        return Text(f"remove {partition.expired_rows:,}{or_more} rows", style=ERROR)
    return Text("keep", style=FAINT)


def _told(removal: Removal) -> str:
    told = (
        f"{removal.signal}: dropped {len(removal.dropped)} partitions, removed {removal.rows:,} further rows "
        f"and {removal.operations:,} operations."
    )
    return f"{told} In use, and left to the next run: {', '.join(removal.busy)}." if removal.busy else told


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "-"
