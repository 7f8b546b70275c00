"""``/api/metrics`` as the monitoring page of Jaeger sees it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from relayscope.api.jaeger import JaegerAccess
from storage.span_metrics import SpanMetricsPoint, SpanMetricsQuery
from tests.support.jaeger_reader import FixedReader
from tests.support.jaeger_served import NOW_US, FixedMetrics, serving
from tracedata import RetryableError

# What JSON holds is what the tests are about.
Json = Any

MINUTE_US = 60_000_000
# 2023-11-14T22:13:00Z
STEP_US = 1_700_000_000_000_000 // MINUTE_US * MINUTE_US
NOW_MS_US = NOW_US // 1_000 * 1_000


def point(
    service: str,
    *,
    step: int = 0,
    operation: str = "",
    calls: int = 1,
    errors: int = 0,
    latency_ms: float | None = None,
) -> SpanMetricsPoint:
    return SpanMetricsPoint(
        service=service,
        operation=operation,
        start_us=STEP_US + step * MINUTE_US,
        calls=calls,
        errors=errors,
        latency_ms=latency_ms,
    )


def value(number: float | str, timestamp: str) -> Json:
    return {"gaugeValue": {"doubleValue": number}, "timestamp": timestamp}


FIRST, SECOND = "2023-11-14T22:13:00Z", "2023-11-14T22:14:00Z"
NAMED = {"name": "service_name", "value": "shop"}


@pytest.mark.parametrize(
    ("path", "family"),
    [
        pytest.param(
            "calls?service=shop&step=60000",
            {
                "name": "service_call_rate",
                "type": "GAUGE",
                "help": "calls/sec, grouped by service",
                "metrics": [
                    {"labels": [NAMED], "metricPoints": [value(0.5, FIRST), value(2.0, SECOND)]},
                    {"labels": [{"name": "service_name", "value": "web"}], "metricPoints": [value(0.1, FIRST)]},
                ],
            },
            id="calls",
        ),
        pytest.param(
            "errors?service=shop&step=60000",
            {
                "name": "service_error_rate",
                "type": "GAUGE",
                "help": "error rate, grouped by service",
                "metrics": [
                    {"labels": [NAMED], "metricPoints": [value(0.1, FIRST), value(0.0, SECOND)]},
                    {"labels": [{"name": "service_name", "value": "web"}], "metricPoints": [value(0.0, FIRST)]},
                ],
            },
            id="errors, zero where there were only calls",
        ),
        pytest.param(
            "latencies?service=shop&step=60000&quantile=0.95",
            {
                "name": "service_latencies",
                "type": "GAUGE",
                "help": "0.95th quantile latency, grouped by service",
                "metrics": [
                    {"labels": [NAMED], "metricPoints": [value(12.5, FIRST), value(0.25, SECOND)]},
                    {"labels": [{"name": "service_name", "value": "web"}], "metricPoints": [value("NaN", FIRST)]},
                ],
            },
            id="latencies in milliseconds",
        ),
    ],
)
async def test_series_by_service(path: str, family: Json) -> None:
    points = [
        point("shop", calls=30, errors=3, latency_ms=12.5),
        point("shop", step=1, calls=120, latency_ms=0.25),
        point("web", calls=6, latency_ms=math.nan),
    ]
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics(*points))) as client:
        answer = await client.get(f"/api/metrics/{path}")
    assert (answer.status_code, answer.json()) == (200, family)
    assert answer.headers["content-type"] == "application/json"


async def test_series_by_operation_name_the_service_first() -> None:
    points = [point("shop", operation="a", calls=60), point("shop", operation="b", calls=30)]
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics(*points))) as client:
        answer = await client.get("/api/metrics/calls?service=shop&step=60000&groupByOperation=true")
    assert answer.json() == {
        "name": "service_operation_call_rate",
        "type": "GAUGE",
        "help": "calls/sec, grouped by service & operation",
        "metrics": [
            {"labels": [NAMED, {"name": "operation", "value": "a"}], "metricPoints": [value(1.0, FIRST)]},
            {"labels": [NAMED, {"name": "operation", "value": "b"}], "metricPoints": [value(0.5, FIRST)]},
        ],
    }


@pytest.mark.parametrize("path", ["calls?service=s", "errors?service=s", "latencies?service=s&quantile=.5"])
async def test_without_calls_there_are_no_metrics(path: str) -> None:
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics())) as client:
        answer = await client.get(f"/api/metrics/{path}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"name", "type", "help"}


DEFAULT = SpanMetricsQuery(
    workspace_id=1,
    services=["s"],
    kinds=[2],
    start_us=NOW_MS_US - 3_600_000_000,
    end_us=NOW_MS_US,
    step_us=5_000_000,
)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        pytest.param("calls?service=s", {}, id="an hour by five seconds of server spans"),
        pytest.param("errors?service=s&service=t", {"services": ["s", "t"]}, id="services"),
        pytest.param("calls?service=s&groupByOperation=1", {"by_operation": True}, id="by operation"),
        pytest.param(
            "calls?service=s&spanKind=server&spanKind=CLIENT&spanKind=unspecified", {"kinds": [2, 3, 0]}, id="kinds"
        ),
        pytest.param(
            "calls?service=s&endTs=600000&lookback=120000&step=60000&ratePer=600000",
            {"start_us": 480_000_000, "end_us": 600_000_000, "step_us": MINUTE_US},
            id="times in milliseconds",
        ),
        pytest.param("latencies?service=s&quantile=0.75", {"quantile": 0.75}, id="quantile"),
    ],
)
async def test_what_is_asked_for(path: str, changes: dict[str, object]) -> None:
    metrics = FixedMetrics()
    async with serving(FixedReader(), JaegerAccess(metrics=metrics)) as client:
        await client.get(f"/api/metrics/{path}")
    assert metrics.queries == [replace(DEFAULT, **changes)]


SYNTAX = "invalid syntax"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("calls", "unable to parse param 'service': please provide at least one service name"),
        ("latencies?service=s", f"unable to parse param 'quantile': strconv.ParseFloat: parsing \"\": {SYNTAX}"),
        ("latencies?quantile=x", f"unable to parse param 'quantile': strconv.ParseFloat: parsing \"x\": {SYNTAX}"),
        ("latencies?service=s&quantile=1.5", "unable to parse param 'quantile': must be from 0 to 1"),
        (
            "calls?service=s&groupByOperation=x",
            f"unable to parse param 'groupByOperation': strconv.ParseBool: parsing \"x\": {SYNTAX}",
        ),
        ("calls?service=s&spanKind=x", "unable to parse param 'spanKind': unsupported span kind: 'x'"),
        ("calls?service=s&endTs=x", f"unable to parse param 'endTs': strconv.ParseInt: parsing \"x\": {SYNTAX}"),
        ("calls?service=s&ratePer=1m", f"unable to parse param 'ratePer': strconv.ParseInt: parsing \"1m\": {SYNTAX}"),
        ("calls?service=s&step=0", "unable to parse param 'step': must be from 1 to 315360000000 milliseconds"),
        (
            "calls?service=s&lookback=-1",
            "unable to parse param 'lookback': must be from 1 to 315360000000 milliseconds",
        ),
        (
            "calls?service=s&lookback=11001&step=1",
            "unable to parse param 'step': lookback has more than 11000 steps; make them longer",
        ),
    ],
)
async def test_errors_come_in_the_envelope(path: str, message: str) -> None:
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics())) as client:
        answer = await client.get(f"/api/metrics/{path}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    errors = [{"code": 400, "msg": message}]
    assert answer.json() == {"data": None, "total": 0, "limit": 0, "offset": 0, "errors": errors}


@pytest.mark.parametrize("path", ["calls?service=s", "errors?service=s", "latencies?service=s&quantile=.5", "minstep"])
async def test_without_metrics_they_are_not_implemented(path: str) -> None:
    async with serving(FixedReader()) as client:
        answer = await client.get(f"/api/metrics/{path}")
    assert answer.status_code == 501
    told = "trace metrics are currently disabled - no metrics backend configured"
    assert answer.json()["errors"] == [{"code": 501, "msg": told}]


async def test_the_smallest_step() -> None:
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics())) as client:
        answer = await client.get("/api/metrics/minstep")
    assert answer.json() == {"data": 1, "total": 0, "limit": 0, "offset": 0, "errors": None}


async def test_a_failing_store() -> None:
    metrics = FixedMetrics(failure=RetryableError("the store cannot be reached", retry_after_s=2.4))
    async with serving(FixedReader(), JaegerAccess(metrics=metrics)) as client:
        answer = await client.get("/api/metrics/calls?service=s")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"] == [{"code": 503, "msg": "the store cannot be reached"}]


async def test_pretty_print_indents_this_too() -> None:
    async with serving(FixedReader(), JaegerAccess(metrics=FixedMetrics())) as client:
        answer = await client.get("/api/metrics/calls?service=s&prettyPrint=true")
    assert answer.text.startswith('{\n    "name": ')
