"""Answers to TraceQL from what the store found."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from query.traceql.metrics import MetricQuery
from relayscope.api.rest import query_schema as schema
from relayscope.api.rest.representation import represent_summary
from relayscope.api.rest.schema import KeyValue
from relayscope.api.rest.value import iso_time, milliseconds
from relayscope.otlp.value import any_value
from storage.api import TraceOutline
from storage.trace_query import MatchedSpan, SeriesPoint, SpanSet, TraceMatch
from tracedata import Value

_NS_PER_US = 1_000


def represent_match(match: TraceMatch, outline: TraceOutline) -> schema.FoundTrace:
    """A trace, and what of it matched."""
    summary = represent_summary(outline)
    fields = {name: getattr(summary, name) for name in summary.__struct_fields__}
    return schema.FoundTrace(**fields, span_sets=[_span_set(found) for found in match.sets])


def represent_metrics(query: MetricQuery, points: Sequence[SeriesPoint]) -> schema.TraceMetrics:
    """Series with a point for every step where that has a meaning."""
    kept = [point for point in points if point.series <= query.max_series]
    steps = range(query.start_us // query.step_us, query.end_us // query.step_us + 1)
    found = [
        _represent(series, query, steps)
        for _, group in groupby(kept, key=lambda point: point.series)
        for series in _series(list(group), query)
    ]
    return schema.TraceMetrics(
        series=found,
        start=iso_time(query.start_us * _NS_PER_US),
        end=iso_time(query.end_us * _NS_PER_US),
        step=query.step_us / 1_000,
        truncated=len(kept) < len(points),
    )


class _Series(NamedTuple):
    labels: Sequence[tuple[str, Value]]
    values: Mapping[int, float]


def _series(points: Sequence[SeriesPoint], query: MetricQuery) -> Iterator[_Series]:
    """The series of a group of spans: one for each quantile, if quantiles are asked for."""
    labels = points[0].labels
    if not query.metric.quantiles:
        yield _Series(labels, {point.bucket: point.measures[0] for point in points})
    for place, quantile in enumerate(query.metric.quantiles):
        yield _Series([*labels, ("p", quantile)], {point.bucket: point.measures[place] for point in points})


def _represent(series: _Series, query: MetricQuery, steps: range) -> schema.Series:
    shown: Sequence[int] = steps if query.is_count else sorted(series.values)
    return schema.Series(
        labels=_key_values(series.labels),
        points=[
            schema.SeriesPoint(
                time=iso_time(step * query.step_us * _NS_PER_US),
                value=series.values.get(step, 0.0),
            )
            for step in shown
        ],
    )


def _span_set(found: SpanSet) -> schema.SpanSet:
    return schema.SpanSet(
        matched=found.matched,
        spans=[_span(span) for span in found.spans],
        attributes=_key_values(found.values),
    )


def _span(span: MatchedSpan) -> schema.MatchedSpan:
    return schema.MatchedSpan(
        span_id=span.span_id.hex(),
        name=span.name,
        service=span.service,
        start_time=iso_time(span.start_time_unix_nano),
        start_time_unix_nano=str(span.start_time_unix_nano),
        duration=milliseconds(span.duration_ns),
        attributes=_key_values(span.values),
    )


def _key_values(values: Sequence[tuple[str, Value]]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values]
