"""``relayscope bench``: measure on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from relayscope.bench.ingest import Plan, Report, measure
from relayscope.cli import option
from relayscope.cli.stoppable import run_until_stopped
from relayscope.log import configure_logging
from tracedata import CallerError

_DEFAULT = Plan()
_LEGEND = (
    "ceiling: rows that PostgreSQL alone takes by COPY. ingest: spans acknowledged over OTLP/gRPC. ratio: ingest by ceiling, "
    "the figure to compare.\np50, p99: until a request is acknowledged. B/span: on disk, with indexes."
)
_RESULTS = Path("benchmarks/results")

bench = typer.Typer(help="Measure this program on this machine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(bench, name="bench")


@bench.command()
def ingest(
    *,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Turns of ceiling and ingest.")] = _DEFAULT.rounds,
    spans: Annotated[int, typer.Option("--spans", min=1000, help="Spans a turn.")] = _DEFAULT.spans,
    sizes: Annotated[str, typer.Option("--sizes", help="Spans of a request: fewest-most, or one number.")] = "100-1000",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ingest processes.")] = _DEFAULT.workers,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Requests in flight.")
    ] = _DEFAULT.concurrency,
    seed: Annotated[int, typer.Option("--seed", help="The same seed sends the same spans.")] = _DEFAULT.seed,
    output: Annotated[Path, typer.Option("--output", help="Folder for the result as JSON.")] = _RESULTS,
    as_json: option.AsJson = False,
) -> None:
    """Durable ingest over OTLP/gRPC beside the rate at which PostgreSQL takes the same rows by COPY."""
    configure_logging("warning")
    progress = Console(stderr=True, highlight=False)
    plan = Plan(rounds=rounds, spans=spans, sizes=_parsed(sizes), workers=workers, concurrency=concurrency, seed=seed)
    report = run_until_stopped(measure(plan, tell=lambda line: progress.print(f"bench: {line}")))
    if report is None:
        progress.print("bench: stopped; nothing is written")
        raise typer.Exit(1)
    encoded = msgspec.json.format(msgspec.json.encode(report))
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"ingest-{report.started.replace(':', '').replace('+0000', 'Z')}.json"
    path.write_bytes(encoded + b"\n")
    if as_json:
        typer.echo(encoded)
        return
    console = Console(highlight=False)
    console.print(_table(report))
    console.print(_LEGEND, soft_wrap=True)
    progress.print(f"bench: written to {path}")


def _parsed(sizes: str) -> tuple[int, int]:
    fewest, dash, most = sizes.partition("-")
    if not (fewest.isdecimal() and (most.isdecimal() or not dash)) or not 1 <= int(fewest) <= int(most or fewest):
        raise CallerError(f"--sizes: expected fewest-most, such as 100-1000, not {sizes!r}")
    return int(fewest), int(most or fewest)


def _table(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("round", "ceiling/s", "ingest/s", "ratio", "p50 ms", "p99 ms", "B/span"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, one in enumerate(report.rounds, start=1):
        table.add_row(
            str(number),
            f"{one.ceiling_rows_per_s:,.0f}",
            f"{one.ingest_spans_per_s:,.0f}",
            f"{one.ratio:.2f}",
            f"{one.p50_ms:.0f}",
            f"{one.p99_ms:.0f}",
            f"{one.bytes_per_span:.0f}",
        )
    table.add_row(
        "[bold]median",
        f"{report.ceiling_rows_per_s:,.0f}",
        f"{report.ingest_spans_per_s:,.0f}",
        f"[bold]{report.ratio:.2f}",
    )
    return table
