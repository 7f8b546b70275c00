"""What the endpoints of TraceQL answer, through HTTP."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from query.cursor import decode_search_cursor, encode_search_cursor
from query.traceql.metrics import MetricQuery
from query.traceql.search import TraceQuery
from relayscope.api.app import create_app
from storage.api import SearchCursor
from storage.trace_query import MatchedSpan, MatchPage, SeriesPoint, SpanSet, TraceMatch
from tests.support.canned_queries import CannedQueries
from tests.support.canned_reader import START_NS, TRACE_ID, CannedReader
from tests.support.trace import CHILD, MS, ROOT
from tracedata import RetryableError

NOW_US = START_NS // 1_000
MINUTE_US = 60_000_000
SEARCH, METRICS = "/api/v1/traces/search", "/api/v1/traces/metrics"
CURSOR = SearchCursor(start_us=NOW_US, trace_id=TRACE_ID)
MATCH = TraceMatch(
    trace_id=TRACE_ID,
    sets=[
        SpanSet(
            matched=12,
            spans=[
                MatchedSpan(
                    span_id=CHILD.span_id,
                    start_time_unix_nano=START_NS,
                    duration_ns=80 * MS,
                    name=CHILD.name,
                    service="provider",
                    values=[("span.retries", 1), ("span.none", None)],
                )
            ],
            values=[("by(name)", "chat gpt-4o"), ("count()", 12)],
        )
    ],
)


async def get(path: str, query: Mapping[str, str | int], queries: CannedQueries | None = None) -> httpx.Response:
    app = create_app(CannedReader(spans=[ROOT, CHILD]), clock=lambda: START_NS, queries=queries or CannedQueries())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, params=query)


async def test_a_found_trace_has_its_summary_and_what_matched() -> None:
    queries = CannedQueries(page=MatchPage(matches=[MATCH], cursor=CURSOR))
    response = await get(SEARCH, {"q": "{ status = error }", "limit": 1}, queries)
    assert response.status_code == 200
    (item,) = response.json()["items"]
    assert (item["traceId"], item["spanCount"], item["rootService"]) == (TRACE_ID.hex(), 2, "gateway")
    (found,) = item["spanSets"]
    assert found["matched"] == 12
    assert found["attributes"] == [
        {"key": "by(name)", "value": {"stringValue": "chat gpt-4o"}},
        {"key": "count()", "value": {"intValue": "12"}},
    ]
    (span,) = found["spans"]
    assert (span["spanId"], span["service"], span["duration"]) == (CHILD.span_id.hex(), "provider", 80.0)
    assert span["attributes"] == [
        {"key": "span.retries", "value": {"intValue": "1"}},
        {"key": "span.none", "value": {}},
    ]
    assert decode_search_cursor(response.json()["nextCursor"]) == CURSOR


async def test_a_search_asks_for_the_window_and_the_page() -> None:
    queries = CannedQueries()
    await get(SEARCH, {"q": "{}", "start": "-1m", "limit": 7, "cursor": encode_search_cursor(CURSOR)}, queries)
    assert isinstance(queries.asked, TraceQuery)
    asked = queries.asked
    assert (asked.workspace_id, asked.start_us, asked.end_us) == (1, NOW_US - MINUTE_US, NOW_US)
    assert (asked.limit, asked.after) == (7, CURSOR)


async def test_a_refused_query_says_where() -> None:
    response = await get(SEARCH, {"q": "{ .a = 1 }\n| foo"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["detail"].startswith("q: line 2, column 3: found `foo`; possible here: ")
    position = problem["position"]
    assert (position["line"], position["column"], position["found"]) == (2, 3, "`foo`")
    assert "`coalesce`" in position["expected"]
    assert position["excerpt"] == "| foo\n  ^"


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        (SEARCH, {}, "q: "),
        (SEARCH, {"q": ""}, "q: "),
        (SEARCH, {"q": "{} | rate()"}, "/api/v1/traces/metrics"),
        (SEARCH, {"q": "{}", "limit": 0}, "limit: "),
        (SEARCH, {"q": "{}", "cursor": "x"}, "cursor: malformed"),
        (SEARCH, {"q": "{}", "tag": "a:b"}, "tag: unknown"),
        (SEARCH, {"q": "{ .a = 1 }" + " " * 9_000}, "q: "),
        (METRICS, {"q": "{}"}, "found the end"),
        (METRICS, {"q": "{} | rate()", "step": "x"}, "step: "),
        (METRICS, {"q": "{} | rate()", "step": "1us"}, "step: must be at least 1ms"),
        (METRICS, {"q": "{} | rate()", "step": "1s"}, "step: makes more than"),
        (METRICS, {"q": "{} | rate()", "start": "x"}, "start: "),
    ],
)
async def test_what_cannot_be_read_is_named(path: str, query: Mapping[str, str | int], said: str) -> None:
    response = await get(path, query)
    assert response.status_code == 400
    assert said in response.json()["detail"]


@pytest.mark.parametrize(("path", "query"), [(SEARCH, "{}"), (METRICS, "{} | rate()")], ids=["search", "metrics"])
async def test_a_store_that_does_not_answer_is_503(path: str, query: str) -> None:
    response = await get(path, {"q": query}, CannedQueries(broken=RetryableError("query: not now")))
    assert response.status_code == 503
    assert "retry-after" in response.headers


def _point(series: int, minute: int, *measures: float, **labels: str) -> SeriesPoint:
    bucket = NOW_US // MINUTE_US - minute
    return SeriesPoint(series=series, bucket=bucket, measures=measures, labels=list(labels.items()))


async def test_counts_have_a_point_for_every_step() -> None:
    queries = CannedQueries(points=[_point(1, 2, 5.0, name="x"), _point(1, 0, 1.0, name="x")])
    query = {"q": "{} | count_over_time() by (name)", "start": "-2m", "step": "1m"}
    answer = (await get(METRICS, query, queries)).json()
    (series,) = answer["series"]
    assert series["labels"] == [{"key": "name", "value": {"stringValue": "x"}}]
    assert [point["value"] for point in series["points"]] == [5.0, 0.0, 1.0]
    assert [point["time"][11:19] for point in series["points"]] == ["11:58:00", "11:59:00", "12:00:00"]
    assert (answer["step"], answer["truncated"]) == (60_000.0, False)


async def test_quantiles_are_series_of_their_own_with_points_where_there_are_some() -> None:
    queries = CannedQueries(points=[_point(1, 1, 0.5, 0.9)])
    answer = (await get(METRICS, {"q": "{} | quantile_over_time(duration, .5, .9)", "step": "1m"}, queries)).json()
    assert [(one["labels"][0]["value"], [p["value"] for p in one["points"]]) for one in answer["series"]] == [
        ({"doubleValue": 0.5}, [0.5]),
        ({"doubleValue": 0.9}, [0.9]),
    ]


async def test_more_series_than_are_shown_are_told() -> None:
    queries = CannedQueries()
    query = {"q": "{} | rate() by (name)", "step": "1m"}
    await get(METRICS, query, queries)
    assert isinstance(queries.asked, MetricQuery)
    most = queries.asked.max_series
    queries.points = [_point(number, 0, 1.0, name=str(number)) for number in range(1, most + 2)]
    answer = (await get(METRICS, query, queries)).json()
    assert (len(answer["series"]), answer["truncated"]) == (most, True)
