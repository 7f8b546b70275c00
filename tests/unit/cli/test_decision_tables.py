from __future__ import annotations

from rich.console import Console

from relayscope.api.rest import decision_schema as schema
from relayscope.cli.render.decisions import render_groups

_GROUP = schema.DecisionGroup(
    key={"type": "model_selection", "component": "router", "outcome": "selected"},
    bucket_start=None,
    count=1_000,
    share=0.233,
    traces=10,
    enforced=1_000,
    shadow=0,
    evaluated=0,
    evaluation_time=None,
    downstream=schema.DecisionDownstream(
        calls=298, errors=35, error_rate=0.117, cost=None, currency=None, costs=[], priced_calls=0, latency=None
    ),
)
_STATISTICS = schema.DecisionStatistics(
    start="2026-01-01T00:00:00Z",
    end="2026-01-02T00:00:00Z",
    total=1_000,
    truncated=False,
    items=[_GROUP],
    next_cursor=None,
)


def _drawn(width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(render_groups(_STATISTICS, width=width))
    return captured.get()


def test_a_narrow_terminal_shows_what_the_groups_are() -> None:
    drawn = _drawn(80)

    assert "model_selection" in drawn
    assert "selected" in drawn
    assert "1,000" in drawn
    assert "…" not in drawn


def test_a_wide_terminal_shows_all_numbers() -> None:
    assert {"SHADOW", "CALLS", "COST"} <= set(_drawn(160).split())
