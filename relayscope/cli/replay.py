"""The command ``replay``: what would have been decided under other rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from query.replay.comparison import VERDICTS
from query.replay.parsing import parse_rule_set
from query.replay.report import ReplayReport
from relayscope.api.rest import replay_schema as schema
from relayscope.cli.client import post_for_lines
from relayscope.cli.read import DEFAULT_URL, Url, console
from relayscope.cli.render.replay import render_report
from tracedata import CallerError, PermanentError

_PATH = "/api/v1/decisions/replay"
_JSON, _NDJSON = "application/json", "application/x-ndjson"
_SUFFIXES = (".yaml", ".yml", ".json")

Rules = Annotated[
    str, typer.Argument(metavar="RULES", help="A file in YAML or JSON, or NAME[@VERSION] of a rule set that is kept.")
]


def register(app: typer.Typer) -> None:
    """Adds the command to ``app``."""
    app.command()(replay)


def replay(
    rules: Rules,
    *,
    since: Annotated[str, typer.Option(help="From when on: ISO-8601, or relative, such as -7d.")] = "-24h",
    until: Annotated[str, typer.Option(help="Up to when.")] = "now",
    type_: Annotated[str | None, typer.Option("--type", help="Only decisions of this type.")] = None,
    component: Annotated[str | None, typer.Option(help="Only those of this component.")] = None,
    service: Annotated[str | None, typer.Option(help="Only those of this service.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only those of this rule: its id or name.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only those with this outcome.")] = None,
    sql: Annotated[
        str | None, typer.Option(help="Only decisions whose decision_id this SELECT returns; best with trace_id.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="CEL over input, output and decision, such as input.n > 3.")] = None,
    examples: Annotated[
        int, typer.Option(min=0, max=schema.MAX_EXAMPLES, help="So many decisions of each row at most.")
    ] = 3,
    each: Annotated[
        list[str] | None,
        typer.Option(help=f"With --json, a line for each decision with this verdict: {', '.join(VERDICTS)}."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: a line a page, and the report at the end.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Evaluate a rule set over recorded decisions: which would flip, and what that would cost."""
    asked = {
        **_rule_set(rules),
        "since": since,
        "until": until,
        "type": type_,
        "component": component,
        "service": service,
        "rule": rule,
        "outcome": outcome,
        "sql": sql,
        "where": where,
        "examples": examples,
        "each": each or [],
    }
    body = msgspec.json.encode({name: value for name, value in asked.items() if value is not None})
    report = _run(post_for_lines(url, _PATH, body, media_type=_JSON, accepted=_NDJSON), as_json=as_json)
    if not as_json:
        console().print(render_report(report))


def _rule_set(rules: str) -> dict[str, str]:
    """The file's text, or the name of what is kept. A file is checked here, so that messages have its name."""
    path = Path(rules)
    if not (path.suffix in _SUFFIXES or path.is_file() or "/" in rules):
        name, _, version = rules.partition("@")
        return {"name": name, "version": version} if version else {"name": name}
    text = read_rules(path)
    parse_rule_set(text, source=rules)
    return {"rules": text}


def read_rules(path: Path) -> str:
    """The text of a file.

    Raises:
        CallerError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise CallerError(f"cannot read {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise CallerError(f"cannot read {path}: it is not UTF-8") from exc


def _run(lines: Iterator[bytes], *, as_json: bool) -> ReplayReport:
    stderr = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as progress:
        task = progress.add_task("decisions", total=None)
        for text in lines:
            try:
                line = msgspec.json.decode(text, type=schema.ReplayLine)
            except msgspec.MsgspecError as exc:
                raise PermanentError("The server's answer is not what this version expects.") from exc
            if line.problem is not None:
                raise PermanentError(line.problem.detail)
            if as_json:
                typer.echo(text)
            if line.progress is not None:
                progress.update(task, completed=line.progress.decisions, total=line.progress.total)
            if line.report is not None:
                return line.report
    raise PermanentError("The replay ended without a report.")
