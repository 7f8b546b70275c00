"""Calls, errors and latencies over time, as the monitoring page of Jaeger's web page asks for them.

Source: jaegertracing/jaeger ``http_handler.go`` and ``jaeger.api_v2.metrics``; the answer is protobuf's JSON, without the
envelope of the other endpoints. A point stands for the spans that start in its step; a step without any has no point.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.datastructures import QueryParams

from relayscope.api.jaeger import document
from relayscope.api.jaeger.envelope import DisabledError, EnvelopeRoute, answer
from relayscope.api.jaeger.model import Envelope
from relayscope.api.jaeger.moment import rfc3339
from relayscope.api.jaeger.parameter import US_PER_MS, clamp, first, named, parse_bool, parse_int64, quoted
from relayscope.api.jaeger.translation import KINDS
from relayscope.api.workspace import workspace_of as default_workspace_of
from storage.span_metrics import SpanMetricsPoint, SpanMetricsQuery, SpanMetricsReader
from tracedata import CallerError

_DEFAULT_LOOKBACK_MS = 3_600_000
_DEFAULT_STEP_MS = 5_000
_DEFAULT_RATE_MS = 600_000
_MAX_MS = 10 * 365 * 86_400_000
# As Prometheus, which most of these clients are used to.
_MAX_STEPS = 11_000
_MIN_STEP_MS = 1
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DISABLED = "trace metrics are currently disabled - no metrics backend configured"


class _Label(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: str


class _Gauge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    double_value: float | str


class _MetricPoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    gauge_value: _Gauge
    timestamp: str


class _Metric(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    # The web page takes the first one for the name of the service.
    labels: Sequence[_Label]
    metric_points: Sequence[_MetricPoint]


class MetricFamily(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer; ``metrics`` is left out when there are none."""

    name: str
    type: str
    help: str
    metrics: Sequence[_Metric] = ()


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured: parts of its names, and its value at a point of so many seconds."""

    name: str
    title: str
    value: Callable[[SpanMetricsPoint, float], float]


_CALLS = Measure(name="call_rate", title="calls/sec", value=lambda point, step_s: point.calls / step_s)
_ERRORS = Measure(name="error_rate", title="error rate", value=lambda point, _: point.errors / point.calls)


def create_monitoring_router(
    reader: SpanMetricsReader | None,
    *,
    workspace_of: Callable[[Request], int] = default_workspace_of,
    clock_ns: Callable[[], int] = time.time_ns,
) -> APIRouter:
    """Routes below ``/api/metrics``; without a reader they answer that there is no such thing."""
    endpoints = _Endpoints(reader, workspace_of=workspace_of, clock_ns=clock_ns)
    router = APIRouter(prefix="/api/metrics", tags=["jaeger"], route_class=EnvelopeRoute)
    statuses = (400, 501, 503)
    for name, handle, summary in (
        ("calls", endpoints.calls, "Calls per second of services, over time"),
        ("errors", endpoints.errors, "The share of failed calls of services, over time"),
    ):
        described = document.document(*document.METRICS, failures=statuses, schema=document.FAMILY)
        router.add_api_route(f"/{name}", handle, summary=summary, openapi_extra=described)
    router.add_api_route(
        "/latencies",
        endpoints.latencies,
        summary="A quantile of the durations of calls, in milliseconds, over time",
        openapi_extra=document.document(
            document.QUANTILE, *document.METRICS, failures=statuses, schema=document.FAMILY
        ),
    )
    router.add_api_route(
        "/minstep",
        endpoints.min_step,
        summary="The smallest step of the metrics, in milliseconds",
        openapi_extra=document.document(failures=(501,)),
    )
    return router


class _Endpoints:
    def __init__(
        self, reader: SpanMetricsReader | None, *, workspace_of: Callable[[Request], int], clock_ns: Callable[[], int]
    ) -> None:
        self._reader = reader
        self._workspace_of = workspace_of
        self._clock_ns = clock_ns

    async def calls(self, request: Request) -> Response:
        """By service, or by service and operation."""
        return await self._answer(request, _CALLS)

    async def errors(self, request: Request) -> Response:
        """From 0 to 1."""
        return await self._answer(request, _ERRORS)

    async def latencies(self, request: Request) -> Response:
        """Interpolated between durations, as PostgreSQL's `percentile_cont` does."""
        quantile = _read_quantile(request.query_params)
        measure = Measure(
            name="latencies",
            title=f"{quantile:.2f}th quantile latency",
            value=lambda point, _: math.nan if point.latency_ms is None else point.latency_ms,
        )
        return await self._answer(request, measure, quantile=quantile)

    async def min_step(self, request: Request) -> Response:
        """For web pages up to 2.17."""
        if self._reader is None:
            raise DisabledError(_DISABLED)
        return answer(request, Envelope(data=_MIN_STEP_MS))

    async def _answer(self, request: Request, measure: Measure, *, quantile: float | None = None) -> Response:
        if self._reader is None:
            raise DisabledError(_DISABLED)
        query = read_metrics_query(
            request.query_params,
            workspace_id=self._workspace_of(request),
            now_us=self._clock_ns() // 1_000,
            quantile=quantile,
        )
        points = await self._reader.span_metrics(query)
        return answer(request, _family(points, measure, query=query))


def read_metrics_query(
    parameters: QueryParams, *, workspace_id: int, now_us: int, quantile: float | None
) -> SpanMetricsQuery:
    """What is asked for. ``ratePer`` is checked and changes nothing: a rate is that of its step.

    Raises:
        CallerError: a parameter is malformed or missing.
    """
    if "service" not in parameters:
        raise CallerError("unable to parse param 'service': please provide at least one service name")
    by_operation = named(parameters, name="groupByOperation", read=parse_bool, default=False)
    kinds = [_read_kind(text) for text in parameters.getlist("spanKind")] or [KINDS["server"]]
    end_ms = named(parameters, name="endTs", read=parse_int64, default=now_us // US_PER_MS)
    lookback_ms = named(parameters, name="lookback", read=_length, default=_DEFAULT_LOOKBACK_MS)
    step_ms = named(parameters, name="step", read=_length, default=_DEFAULT_STEP_MS)
    named(parameters, name="ratePer", read=_length, default=_DEFAULT_RATE_MS)
    if lookback_ms > step_ms * _MAX_STEPS:
        raise CallerError(f"unable to parse param 'step': lookback has more than {_MAX_STEPS} steps; make them longer")
    return SpanMetricsQuery(
        workspace_id=workspace_id,
        services=parameters.getlist("service"),
        kinds=kinds,
        start_us=clamp((end_ms - lookback_ms) * US_PER_MS),
        end_us=clamp(end_ms * US_PER_MS),
        step_us=step_ms * US_PER_MS,
        by_operation=by_operation,
        quantile=quantile,
    )


def _read_kind(text: str) -> int:
    kind = KINDS.get(text.lower())
    if kind is None:
        raise CallerError(f"unable to parse param 'spanKind': unsupported span kind: '{text}'")
    return kind


def _length(text: str) -> int:
    """Milliseconds of which something can be made."""
    length = parse_int64(text)
    if not 0 < length <= _MAX_MS:
        raise CallerError(f"must be from 1 to {_MAX_MS} milliseconds")
    return length


def _read_quantile(parameters: QueryParams) -> float:
    text = first(parameters, "quantile")
    if not _NUMBER.fullmatch(text):
        raise CallerError(
            f"unable to parse param 'quantile': strconv.ParseFloat: parsing {quoted(text)}: invalid syntax"
        )
    quantile = float(text)
    if not 0 <= quantile <= 1:
        raise CallerError("unable to parse param 'quantile': must be from 0 to 1")
    return quantile


def _family(points: Sequence[SpanMetricsPoint], measure: Measure, *, query: SpanMetricsQuery) -> MetricFamily:
    scope, grouped = ("service_operation", " & operation") if query.by_operation else ("service", "")
    step_s = query.step_us / 1e6
    metrics = [
        _Metric(labels=_labels(key, query), metric_points=[_point(one, measure.value(one, step_s)) for one in series])
        for key, series in groupby(points, key=lambda point: (point.service, point.operation))
    ]
    return MetricFamily(
        name=f"{scope}_{measure.name}",
        type="GAUGE",
        help=f"{measure.title}, grouped by service{grouped}",
        metrics=metrics or (),
    )


def _labels(key: tuple[str, str], query: SpanMetricsQuery) -> Sequence[_Label]:
    service, operation = key
    labels = [_Label(name="service_name", value=service)]
    return [*labels, _Label(name="operation", value=operation)] if query.by_operation else labels


def _point(point: SpanMetricsPoint, value: float) -> _MetricPoint:
    gauge = _Gauge(double_value="NaN" if math.isnan(value) else value)
    return _MetricPoint(gauge_value=gauge, timestamp=rfc3339(point.start_us))
