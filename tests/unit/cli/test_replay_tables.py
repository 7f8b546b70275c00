"""Reports of replays, as a terminal shows them."""

from __future__ import annotations

import io

from rich.console import Console

from query.replay.report import (
    Estimates,
    FlipReport,
    Overlap,
    ReplayedDecision,
    ReplayReport,
    SelectionReport,
    Unexplained,
)
from relayscope.cli.render.replay import render_report

TRACE_ID = "74ba6e52454005f3" * 2
FLIPPED = ReplayedDecision(
    trace_id=TRACE_ID,
    decision_id="d-1",
    time="2026-01-15T12:00:00Z",
    type="model_selection",
    component="router",
    verdict="flip",
    recorded="anthropic/claude-sonnet-4-5",
    recorded_rule="r-21",
    replayed="openai/gpt-4o-mini",
    replayed_rule="r-40",
    reason=None,
    input='{"plan": "free", "prompt_tokens": 812}',
)
REPORT = ReplayReport(
    name="relaycore",
    version="4",
    start="2026-01-15T00:00:00Z",
    end="2026-01-16T00:00:00Z",
    selection=SelectionReport(read=1, replayed=1, undecidable=0, reasons={}, without_input=0),
    verdicts={"flip": 1},
    points=[],
    flips=[
        FlipReport(
            type="model_selection",
            component="router",
            recorded="anthropic/claude-sonnet-4-5",
            replayed="openai/gpt-4o-mini",
            count=1,
            examples=[FLIPPED],
        )
    ],
    flips_not_listed=0,
    failures=[],
    failures_not_listed=0,
    ties=[],
    rules=[],
    unexplained=Unexplained(basis="recorded", count=0, examples=[]),
    estimates=Estimates(
        overlap=Overlap(
            routed=1, observed=0, flips=1, flips_observed=0, without_observations=["openai/gpt-4o-mini"], other_flips=0
        ),
        cost=[],
        latency_ms=None,
        error_rate=None,
        models=[],
    ),
)


def test_traces_of_examples_are_whole_on_80_cells() -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    with console.capture() as capture:
        console.print(render_report(REPORT))

    assert TRACE_ID in capture.get()
