"""The command ``doctor``: looks at everything that ``up`` needs, and says what to do."""

from __future__ import annotations

import asyncio
import os
import sys
from io import TextIOWrapper
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from relayscope.cli import option
from relayscope.cli.render.text import FAINT, clean
from relayscope.database import build_inspector
from relayscope.doctor import Finding, Question, Report, Status, examine
from relayscope.invocation import as_called

_SIGNS: dict[Status, tuple[str, str]] = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "bold red")}
_PIPE_CELLS = 160

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="RELAYSCOPE_URL", help="Where the running API is. Default: from the settings."),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


@option.with_settings
def doctor(
    *,
    url: Url = None,
    as_json: option.AsJson = False,
    given: option.Given,
) -> None:
    """Check program, settings, data folder, database, ports and the running system, and say what to do."""
    question = Question(load=given.settings, config=given.config, url=url)
    answer = asyncio.run(examine(question, build_inspector()))
    if as_json:
        typer.echo(msgspec.json.encode(answer))
    else:
        _draw(answer)
    raise typer.Exit(1 if answer.status == "failed" else 0)


def _draw(answer: Report) -> None:
    # Without this, a pipe in the C locale would end the report with an error at its first sign.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_CELLS
    console = Console(highlight=False, width=width)
    console.print(_table(answer))
    console.print(_summary(answer))


def _table(answer: Report) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in answer.findings:
        table.add_row(*_line(finding))
        if finding.advice:
            table.add_row("", "", Padding(Text(f"→ {_as_called(finding.advice)}", style=FAINT), (0, 0, 0, 2)))
    return table


def _line(finding: Finding) -> tuple[Text, Text, Text]:
    sign, style = _SIGNS[finding.status]
    detail = Text(_as_called(finding.detail), style="" if finding.status == "ok" else style)
    return Text(sign, style=style), Text(finding.name), detail


def _as_called(text: str) -> str:
    return clean(as_called(text, sys.argv[0]))


def _summary(answer: Report) -> Text:
    if answer.status == "ok":
        return Text("Everything is fine.", style="green")
    counts = {status: sum(finding.status == status for finding in answer.findings) for status in _SIGNS}
    return Text(f"{counts['failed']} failed, {counts['warning']} to look at.", style=_SIGNS[answer.status][1])
