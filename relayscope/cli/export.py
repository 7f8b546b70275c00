"""The command ``export``: traces, interactions, decisions or the rows of a query as a file."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from relayscope.api.export.transfer import EXPECTED_HEADER
from relayscope.cli import decisions, interactions
from relayscope.cli.client import BrokenOffError, Download, Parameters, download
from relayscope.cli.destination import STANDARD_OUTPUT, opened
from relayscope.cli.export_count import COUNTS
from relayscope.cli.flags import with_flags
from relayscope.cli.read import DEFAULT_URL, End, Start, Url, tell
from relayscope.cli.stoppable import ending_in_order
from tracedata import CallerError, PermanentError, RelayscopeError

Form: TypeAlias = Literal["jsonl", "csv", "parquet", "otlp-json"]
_FAILED, _USAGE = 1, 2
_GZIP = ".gz"
# The form that the name of a file asks for; the first that fits.
_SUFFIXES: tuple[tuple[str, Form], ...] = (
    (".otlp.jsonl", "otlp-json"),
    (".otlp.json", "otlp-json"),
    (".jsonl", "jsonl"),
    (".ndjson", "jsonl"),
    (".csv", "csv"),
    (".parquet", "parquet"),
)

export_app = typer.Typer(name="export", no_args_is_help=True, help="Write everything that is meant to a file.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The flags that say what is written, and where to. A field is a flag."""

    format: Annotated[
        str | None, typer.Option(help="jsonl, csv, parquet, or otlp-json. Default: as the file is named, or jsonl.")
    ] = None
    output: Annotated[str, typer.Option("--output", "-o", help="The file; - is standard output.")] = STANDARD_OUTPUT
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress, as a file name that ends in .gz does.")] = False
    safe_for_spreadsheets: Annotated[
        bool,
        typer.Option(
            "--safe-for-spreadsheets",
            help="In CSV, put an apostrophe before texts that a spreadsheet could take for a formula.",
        ),
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Sum up as JSON, on standard error.")] = False

    @property
    def form(self) -> Form:
        """The form that is asked for.

        Raises:
            CallerError: there is no such form.
        """
        if self.format is None:
            name = self.output.lower().removesuffix(_GZIP)
            return next((form for suffix, form in _SUFFIXES if name.endswith(suffix)), "jsonl")
        for form in _FORMS:
            if form == self.format:
                return form
        raise CallerError(f"--format: must be one of {', '.join(_FORMS)}")

    @property
    def is_compressed(self) -> bool:
        return self.gzip or (self.output != STANDARD_OUTPUT and self.output.lower().endswith(_GZIP))

    def check(self) -> None:
        """Raises ``CallerError`` where something of this does not go together."""
        if self.output == STANDARD_OUTPUT and sys.stdout.isatty() and (self.form == "parquet" or self.is_compressed):
            raise CallerError("This is nothing for a terminal: name a file with --output.")
        if self.form == "parquet" and self.is_compressed:
            raise CallerError("Parquet is compressed in itself; leave --gzip, or .gz, out.")
        if self.safe_for_spreadsheets and self.form != "csv":
            raise CallerError("--safe-for-spreadsheets: goes with CSV only")


_FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceFilters:
    """The flags that say which traces are meant. A field is a flag."""

    service: Annotated[str | None, typer.Option(help="The service of a span.")] = None
    operation: Annotated[str | None, typer.Option(help="The name of a span.")] = None
    min_duration: Annotated[str | None, typer.Option(help="Such as 100ms, 1.5s, or milliseconds.")] = None
    max_duration: Annotated[str | None, typer.Option(help="Such as 100ms, 1.5s, or milliseconds.")] = None
    status: Annotated[str | None, typer.Option(help="error, ok, unset or success.")] = None
    tag: Annotated[list[str] | None, typer.Option(help="An attribute as key:value; may be repeated.")] = None
    query: Annotated[str | None, typer.Option(help="TraceQL, instead of the filters above it but the times.")] = None
    start: Start = None
    end: End = None

    def parameters(self) -> Parameters:
        """As the API wants them."""
        return {
            "service": self.service,
            "operation": self.operation,
            "minDuration": self.min_duration,
            "maxDuration": self.max_duration,
            "status": self.status,
            "tag": self.tag or None,
            "q": self.query,
            "start": self.start,
            "end": self.end,
        }


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. ``items`` are not known of every form."""

    output: str
    format: str
    items: int | None
    bytes: int
    seconds: float


def register(app: typer.Typer) -> None:
    """Adds the group to ``app``."""
    for name, command, filters in (
        ("traces", traces, TraceFilters),
        ("interactions", export_interactions, interactions.Filters),
        ("decisions", export_decisions, decisions.Filters),
    ):
        export_app.command(name)(with_flags(with_flags(command, filters), Target, into="target"))
    export_app.command("sql")(with_flags(sql, Target, into="target"))
    app.add_typer(export_app)


def traces(*, filters: TraceFilters, target: Target, url: Url = DEFAULT_URL) -> None:
    """Export all spans of the traces that have a span on which all filters hold, the earliest trace first."""
    _export(url, "traces", filters.parameters(), target=target)


def export_interactions(*, filters: interactions.Filters, target: Target, url: Url = DEFAULT_URL) -> None:
    """Export calls of models with their prompts and answers, the earliest first."""
    _export(url, "interactions", filters.parameters(), target=target)


def export_decisions(*, filters: decisions.Filters, target: Target, url: Url = DEFAULT_URL) -> None:
    """Export single decisions, the earliest first."""
    _export(url, "decisions", filters.parameters(), target=target)


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A SELECT; - reads it from standard input.")],
    *,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="The value of $1, then of $2; may be repeated.")
    ] = None,
    target: Target,
    url: Url = DEFAULT_URL,
) -> None:
    """Export all rows of one query, within the bounds of time and bytes of relayscope sql."""
    if target.form == "otlp-json":
        raise CallerError("--format: otlp-json is for traces only")
    asked = {
        "sql": sys.stdin.read() if query == "-" else query,
        "parameters": parameter or [],
        "format": target.form,
        "safeForSpreadsheets": target.safe_for_spreadsheets,
    }
    _export(url, "sql", {}, target=target, body=msgspec.json.encode(asked))


def _export(url: str, what: str, parameters: Parameters, *, target: Target, body: bytes | None = None) -> None:
    try:
        target.check()
        if body is None:
            guard = "true" if target.safe_for_spreadsheets else None
            parameters = {**parameters, "format": target.form, "safeForSpreadsheets": guard}
        with ending_in_order(), download(url, f"/api/v1/export/{what}", parameters=parameters, body=body) as answer:
            summary = _save(answer, what=what, target=target)
    except RelayscopeError as exc:
        tell(exc)
        raise typer.Exit(_USAGE if isinstance(exc, CallerError) else _FAILED) from exc
    _tell(summary, what=what, as_json=target.as_json)


def _save(answer: Download, *, what: str, target: Target) -> Summary:
    stderr = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeElapsedColumn(),
    )
    begun = time.monotonic()
    size = 0
    count = COUNTS[target.form]() if target.form in COUNTS else None
    expected = answer.headers.get(EXPECTED_HEADER)
    with (
        opened(target.output, is_compressed=target.is_compressed) as file,
        Progress(*columns, console=stderr, disable=not stderr.is_terminal, transient=True) as progress,
    ):
        total = int(expected) if expected is not None and count is not None else None
        task = progress.add_task(what, total=total, shown="")
        try:
            for piece in answer.pieces:
                file.write(piece)
                size += len(piece)
                if count is not None:
                    count.add(piece)
                items = None if count is None else count.items
                progress.update(task, completed=items or 0, shown=_amount(items, size))
        except BrokenOffError as exc:
            arrived = _amount(None if count is None else count.items, size)
            raise PermanentError(f"{exc}. {arrived} had arrived; {_left(target)}") from exc
    return Summary(
        output=target.output,
        format=target.form,
        items=None if count is None else count.items,
        bytes=size,
        seconds=round(time.monotonic() - begun, 3),
    )


def _left(target: Target) -> str:
    return "what was written is not whole" if target.output == STANDARD_OUTPUT else "no file was written"


def _amount(items: int | None, size: int) -> str:
    return decimal(size) if items is None else f"{items:,} items, {decimal(size)}"


def _tell(summary: Summary, *, what: str, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(summary), err=True)
        return
    if summary.output == STANDARD_OUTPUT:
        return
    amount = _amount(summary.items, summary.bytes)
    typer.echo(f"{what}: {amount} in {summary.seconds:.1f} s to {summary.output}", err=True)
