"""``relayscope bench soak``: do harm, and count."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from relayscope.bench.figure import write_result
from relayscope.bench.soak import Plan, Report, State
from relayscope.bench.soak import soak as run_soak
from relayscope.cli import option
from relayscope.cli.stoppable import run_until_stopped
from relayscope.log import configure_logging
from tracedata import CallerError

_DEFAULT = Plan()
_RESULTS = Path("benchmarks/results")
_LINES = 20


def soak(
    *,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes", min=0.1, help="Do harm for so many minutes.", show_default="5, unless faults are counted"
        ),
    ] = None,
    worker_kills: Annotated[int, typer.Option("--worker-kills", min=0, help="Kill workers so often.")] = 0,
    postgres_stops: Annotated[
        int, typer.Option("--postgres-stops", min=0, help="Stop PostgreSQL so often, immediately.")
    ] = 0,
    outage: Annotated[
        float, typer.Option("--outage", min=0.1, help="Seconds for which the database freezes.")
    ] = _DEFAULT.outage_s,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ingest processes.")] = _DEFAULT.workers,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same faults.")] = _DEFAULT.seed,
    output: Annotated[Path, typer.Option("--output", help="Folder for the result as JSON.")] = _RESULTS,
    as_json: option.AsJson = False,
) -> None:
    """Kill workers, API, supervisor and PostgreSQL under load, and account for every span."""
    is_counted = bool(worker_kills or postgres_stops)
    if is_counted and minutes is not None:
        raise CallerError("--minutes, or --worker-kills and --postgres-stops, but not both")
    plan = Plan(
        minutes=None if is_counted else minutes or 5.0,
        worker_kills=worker_kills,
        postgres_stops=postgres_stops,
        outage_s=outage,
        workers=workers,
        seed=seed,
    )
    configure_logging("warning")
    console = Console(stderr=True, highlight=False)
    with _progress(console) as tell:
        report = run_until_stopped(run_soak(plan, tell=tell))
    if report is None:
        console.print("soak: stopped; nothing is written")
        raise typer.Exit(1)
    path = write_result(output, name="soak", started=report.started, report=report)
    if as_json:
        typer.echo(msgspec.json.encode(report))
    else:
        _print(report, Console(highlight=False))
    console.print(f"soak: written to {path}")
    if not report.is_clean:
        sys.exit(1)


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[State], None]]:
    """A bar on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("soak"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("starting a system in a temporary folder", total=1.0)
        yield lambda state: bar.update(task, completed=state.done, description=_line(state))


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = 0
        console.print("soak: starting a system in a temporary folder")

    def __call__(self, state: State) -> None:
        if state.done * _LINES >= self._told + 1:
            self._told = int(state.done * _LINES)
            self._console.print(f"soak: {state.done:4.0%}  {_line(state)}")


def _line(state: State) -> str:
    return f"{state.faults} faults ({state.worker_kills} workers killed), {state.acknowledged:,} spans acknowledged"


def _print(report: Report, console: Console) -> None:
    faults = Table(box=None, padding=(0, 2))
    faults.add_column("fault", no_wrap=True)
    for heading in ("times", "back after, median", "longest"):
        faults.add_column(heading, justify="right", no_wrap=True)
    for name, one in report.faults.items():
        faults.add_row(name, str(one.count), f"{one.median_s:.1f} s", f"{one.longest_s:.1f} s")
    console.print(faults)
    load, total = report.load, report.sum
    spans = Table(box=None, padding=(0, 2), show_header=False)
    spans.add_column(no_wrap=True)
    spans.add_column(justify="right", no_wrap=True)
    for label, count in (
        ("spans sent", load.sent),
        ("  acknowledged", load.acknowledged),
        ("  refused, then given up by their sender", load.refused),
        ("  in flight at a fault, then given up", load.unknown),
        ("  answered as they must not be", load.faulty),
        ("requests repeated", load.retries),
        ("spans stored", total.stored),
        ("  of them not acknowledged", total.unacknowledged),
        ("  of them never sent", total.unaccounted),
        ("stack traces in the log", len(report.tracebacks)),
        ("[bold]acknowledged and lost", total.lost),
        ("[bold]stored twice", total.duplicated),
    ):
        spans.add_row(label, f"{count:,}")
    console.print(spans)
    complaints = "; ".join(report.complaints)
    verdict = "[bold green]The sum is exact.[/]" if report.is_clean else f"[bold red]Not clean: {complaints}.[/]"
    console.print(f"{verdict} {report.seconds:,.0f} s, checked {report.checkpoints} times on the way.")
