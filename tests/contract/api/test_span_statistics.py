"""``GET /api/v1/traces/stats``: what is asked of the store, and how its answer is shown."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from relayscope.api.app import create_app
from storage.api import Window
from storage.rollup import SpanFigures, SpanQuestion, SpanSeries, SpanStatistics
from tests.support.canned_reader import START_NS, CannedReader

_PATH = "/api/v1/traces/stats"
_US = START_NS // 1_000
_MINUTE_US = 60_000_000
_HOUR_US = 60 * _MINUTE_US


def figures(calls: int) -> SpanFigures:
    return SpanFigures(calls=calls, errors=1, p50_ms=1.0, p90_ms=2.0, p95_ms=3.0, p99_ms=4.0)


class CannedStatistics:
    """Answers with one group of two steps; ``asked`` keeps the last question."""

    asked: SpanQuestion | None = None

    async def span_statistics(self, question: SpanQuestion) -> SpanStatistics:
        self.asked = question
        # The first step begins before the window, and half of it lies in there.
        first = question.window.start_us - question.step_us // 2
        steps = [(first, figures(30)), (first + question.step_us, figures(60))]
        one = SpanSeries(service="gateway", operation=None, attribute=None, total=figures(90), steps=steps)
        return SpanStatistics(series=[one], is_cut=True)


async def get(statistics: CannedStatistics, query: Mapping[str, str | int | list[str]]) -> httpx.Response:
    app = create_app(CannedReader(), clock=lambda: START_NS, statistics=statistics)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(_PATH, params=dict(query))


async def test_groups_have_rates_over_what_was_asked_for() -> None:
    statistics = CannedStatistics()
    answer = (
        await get(statistics, {"start": "-1h", "by": ["service"], "step": "1m", "operation": "GET", "limit": 7})
    ).json()
    assert statistics.asked == SpanQuestion(
        window=Window(workspace_id=1, start_us=_US - _HOUR_US, end_us=_US),
        step_us=_MINUTE_US,
        limit=7,
        by=["service"],
        operation="GET",
    )
    (group,) = answer["items"]
    assert (group["service"], group["operation"], group["attribute"]) == ("gateway", None, None)
    assert (group["calls"], group["errors"], group["callsPerSecond"]) == (90, 1, 90 / 3_600)
    assert [(one["calls"], one["callsPerSecond"]) for one in group["steps"]] == [(30, 1.0), (60, 1.0)]
    assert {name: group[name] for name in ("p50", "p90", "p95", "p99")} == {
        "p50": 1.0,
        "p90": 2.0,
        "p95": 3.0,
        "p99": 4.0,
    }
    assert (answer["step"], answer["truncated"], answer["nextCursor"]) == (60_000.0, True, None)


@pytest.mark.parametrize(
    ("start", "step_us"),
    [
        ("-1m", _MINUTE_US),
        ("-1h", _MINUTE_US),
        ("-24h", 30 * _MINUTE_US),
        ("-30d", 12 * _HOUR_US),
        ("-600d", 240 * _HOUR_US),
    ],
)
async def test_a_step_is_chosen_for_up_to_sixty(start: str, step_us: int) -> None:
    statistics = CannedStatistics()
    await get(statistics, {"start": start})
    assert statistics.asked is not None
    assert statistics.asked.step_us == step_us


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"step": "10ms"}, "step: "),
        ({"step": "x"}, "step: "),
        ({"start": "-30d", "step": "1s"}, "step: "),
        ({"start": "-8d", "attribute": "http.route"}, "attribute: "),
        ({"by": "colour"}, "by"),
        ({"limit": 0}, "limit"),
        ({"x": "1"}, "x"),
    ],
    ids=["short step", "no step", "many steps", "long window", "dimension", "limit", "unknown"],
)
async def test_what_cannot_be_asked_is_refused_by_name(query: Mapping[str, str | int], parameter: str) -> None:
    response = await get(CannedStatistics(), query)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(parameter)
