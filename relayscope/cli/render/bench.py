"""The results of the benchmarks as tables."""

from __future__ import annotations

from rich.table import Table

from relayscope.bench.ingest import Report
from relayscope.bench.large import LargeReport
from relayscope.bench.replay import ReplayBenchReport

_POINTS = 10


def ingest_table(report: Report) -> Table:
    """A row for each round, and one for all of them."""
    headings = (
        "round",
        "ceiling/s",
        "ingest/s",
        "ratio",
        "unredacted/s",
        "ratio",
        "no AI/s",
        "AI ratio",
        "p50 ms",
        "p99 ms",
        "B/span",
        "MiB/worker",
    )
    table = _table(headings)
    for number, one in enumerate(report.rounds, start=1):
        table.add_row(
            str(number),
            f"{one.ceiling_rows_per_s:,.0f}",
            f"{one.ingest_spans_per_s:,.0f}",
            f"{one.ratio:.2f}",
            f"{one.unredacted_spans_per_s:,.0f}",
            f"{one.unredacted_ratio:.2f}",
            f"{one.unextracted_spans_per_s:,.0f}",
            f"{one.extraction_ratio:.2f}",
            f"{one.p50_ms:.0f}",
            f"{one.p99_ms:.0f}",
            f"{one.bytes_per_span:.0f}",
            f"{one.worker_memory_mib:.0f}",
        )
    table.add_row(
        "[bold]median",
        f"{report.ceiling_rows_per_s:,.0f}",
        f"{report.ingest_spans_per_s:,.0f}",
        f"[bold]{report.ratio:.2f}",
        f"{report.unredacted_spans_per_s:,.0f}",
        f"{report.unredacted_ratio:.2f}",
        f"{report.unextracted_spans_per_s:,.0f}",
        f"[bold]{report.extraction_ratio:.2f}",
    )
    probes = sum(len(one.queryable_ms) for one in report.rounds)
    table.caption = (
        f"sent to queryable under load: p50 {report.queryable_p50_ms:.0f} ms, p99 {report.queryable_p99_ms:.0f} ms "
        f"({probes} probes)"
    )
    return table


def laps_table(report: LargeReport) -> Table:
    """Ingest rate against stored size, at some points of the load, and what it comes to."""
    table = _table(("stored", "ingest/s", "of empty", "p99 ms"))
    step = max(1, len(report.laps) // _POINTS)
    for lap in report.laps[step - 1 :: step]:
        share = lap.spans_per_s / report.rate_empty
        table.add_row(f"{lap.stored:,}", f"{lap.spans_per_s:,.0f}", f"{share:.2f}", f"{lap.p99_ms:.0f}")
    table.add_row("[bold]full", f"{report.rate_full:,.0f}", f"[bold]{report.ratio:.2f}")
    table.caption = f"{report.disk_bytes / (1 << 30):.1f} GiB on disk, {report.bytes_per_span:.0f} bytes a span, rolled up {report.rolled_up_s:,.0f} s later"
    return table


def queries_table(report: LargeReport) -> Table:
    """The latency of every kind of question."""
    table = _table(("question", "p50 ms", "p95 ms", "budget ms", "asked", "failed"))
    table.columns[0].justify = "left"
    for one in report.queries:
        table.add_row(
            one.name, f"{one.p50_ms:.1f}", f"{one.p95_ms:.1f}", f"{one.budget_ms:.0f}", str(one.asked), str(one.failed)
        )
    return table


def _table(headings: tuple[str, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left", caption_style="")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def replay_table(report: ReplayBenchReport) -> Table:
    """One row: the rate, and how long others waited meanwhile."""
    table = _table(("decisions", "decisions/s", "seconds", "flips", "others wait p50 ms", "p99 ms"))
    table.add_row(
        f"{report.plan.decisions:,}",
        f"{report.decisions_per_s:,.0f}",
        " ".join(f"{one:.2f}" for one in report.seconds),
        f"{report.flips:,}",
        f"{report.health_p50_ms:.1f}",
        f"{report.health_p99_ms:.1f}",
    )
    return table
