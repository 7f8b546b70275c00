"""``relayscope bench``: measure on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from relayscope.bench.figure import write_result
from relayscope.bench.ingest import Plan, measure
from relayscope.bench.large import LargePlan, LargeReport, measure_large
from relayscope.bench.replay import ReplayPlan, measure_replay
from relayscope.cli import option
from relayscope.cli.render.bench import ingest_table, laps_table, queries_table, replay_table
from relayscope.cli.soak import soak
from relayscope.cli.stoppable import run_until_stopped
from relayscope.log import configure_logging
from tracedata import CallerError

_DEFAULT = Plan()
_LARGE = LargePlan()
_REPLAY = ReplayPlan()
_DAYS = (1, 30)
_LEGEND = (
    "ceiling: rows that PostgreSQL alone takes by COPY. ingest: spans acknowledged over OTLP/gRPC. ratio: ingest by ceiling, "
    "the figure to compare. unredacted: the same without redaction.\n"
    "no AI: the same without AI interactions. AI ratio: ingest by that; above 0.85 is the budget.\n"
    "p50, p99: until a request is acknowledged. B/span: on disk, with indexes."
)
_RESULTS = Path("benchmarks/results")

bench = typer.Typer(help="Measure this program on this machine.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    bench.command()(soak)
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
    report = run_until_stopped(measure(plan, tell=lambda line: progress.print(f"bench: {line}", soft_wrap=True)))
    if report is None:
        progress.print("bench: stopped; nothing is written")
        raise typer.Exit(1)
    path = write_result(output, name="ingest", started=report.started, report=report)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    console = Console(highlight=False)
    console.print(ingest_table(report))
    console.print(_LEGEND, soft_wrap=True)
    progress.print(f"bench: written to {path}", soft_wrap=True)


@bench.command()
def large(
    *,
    spans: Annotated[int, typer.Option("--spans", min=1000, help="Spans to load.")] = _LARGE.spans,
    days: Annotated[
        list[int] | None,
        typer.Option("--days", min=1, max=90, help="Days they start on, repeatable.", show_default="1 and 30"),
    ] = None,
    lap_spans: Annotated[int, typer.Option("--lap", min=1000, help="Spans a measured lap.")] = _LARGE.lap_spans,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Questions a kind.")] = _LARGE.queries,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ingest processes.")] = _LARGE.workers,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Requests in flight.")] = _LARGE.concurrency,
    seed: Annotated[int, typer.Option("--seed", help="The same seed sends the same spans.")] = _LARGE.seed,
    output: Annotated[Path, typer.Option("--output", help="Folder for the results as JSON.")] = _RESULTS,
    as_json: option.AsJson = False,
) -> None:
    """Fill a store with many spans: ingest rate against stored size, latency of queries, bytes on disk."""
    configure_logging("warning")
    for count in days or _DAYS:
        plan = LargePlan(
            spans=spans,
            days=count,
            lap_spans=lap_spans,
            queries=queries,
            workers=workers,
            concurrency=concurrency,
            seed=seed,
        )
        report = _measured(plan)
        if report is None:
            raise typer.Exit(1)
        path = write_result(output, name=f"large-{count}d", started=report.started, report=report)
        if as_json:
            typer.echo(msgspec.json.encode(report))
            continue
        console = Console(highlight=False)
        console.print(laps_table(report))
        console.print(queries_table(report))
        Console(stderr=True, highlight=False).print(f"bench: written to {path}", soft_wrap=True)


@bench.command()
def replay(
    *,
    decisions: Annotated[int, typer.Option("--decisions", min=100, help="Stored decisions.")] = _REPLAY.decisions,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Replays of all of them.")] = _REPLAY.rounds,
    seed: Annotated[int, typer.Option("--seed", help="The same seed stores the same decisions.")] = _REPLAY.seed,
    output: Annotated[Path, typer.Option("--output", help="Folder for the result as JSON.")] = _RESULTS,
    as_json: option.AsJson = False,
) -> None:
    """Replay of stored decisions through the API, from the request to the report."""
    configure_logging("warning")
    progress = Console(stderr=True, highlight=False)
    plan = ReplayPlan(decisions=decisions, rounds=rounds, seed=seed)
    report = run_until_stopped(measure_replay(plan, tell=lambda line: progress.print(f"bench: {line}", soft_wrap=True)))
    if report is None:
        progress.print("bench: stopped; nothing is written")
        raise typer.Exit(1)
    path = write_result(output, name="replay", started=report.started, report=report)
    if as_json:
        typer.echo(msgspec.json.encode(report))
        return
    Console(highlight=False).print(replay_table(report))
    progress.print(f"bench: written to {path}", soft_wrap=True)


def _measured(plan: LargePlan) -> LargeReport | None:
    """Measures under a progress bar, which is shown when the output is a terminal."""
    columns = (*Progress.get_default_columns()[:-1], MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("spans", total=plan.spans)
        return run_until_stopped(
            measure_large(
                plan,
                tell=lambda line: console.print(f"bench: {line}", soft_wrap=True),
                advance=lambda count: progress.advance(task, count),
            )
        )


def _parsed(sizes: str) -> tuple[int, int]:
    fewest, dash, most = sizes.partition("-")
    if not (fewest.isdecimal() and (most.isdecimal() or not dash)) or not 1 <= int(fewest) <= int(most or fewest):
        raise CallerError(f"--sizes: expected fewest-most, such as 100-1000, not {sizes!r}")
    return int(fewest), int(most or fewest)
