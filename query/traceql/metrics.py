"""Functions over time in SQL: one row for each series and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlglot import exp

from query.traceql.failure import QueryError
from query.traceql.relation import Relations
from query.traceql.search import statement, window_parameters
from query.traceql.sql import DIALECT, Binder, sql
from query.traceql.syntax import Intrinsic, Metric, Query
from query.traceql.value import compile_number, compile_value, shown
from query.traceql.word import DURATIONS
from storage.api import Statement, Window
from tracedata import CallerError

MAX_STEPS = 2_000
MAX_SERIES = 1_000
_MAX_POINTS = 50_000
_STEPS_WANTED = 250
_SECOND_US = 1_000_000
_STEPS_US = tuple(
    seconds * _SECOND_US
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400)
)
_NS_PER_S = 1_000_000_000
_BUCKET = "floor(extract(epoch FROM s.start_time) * 1000000 / %(step)s)::bigint"
_MEASURES: Mapping[str, str] = {
    "rate": "count(*) / (%(step)s / 1000000.0)",
    "count_over_time": "count(*)",
    "histogram_over_time": "count(*)",
    "min_over_time": "min(%(value)s)",
    "max_over_time": "max(%(value)s)",
    "avg_over_time": "avg(%(value)s)",
    "sum_over_time": "sum(%(value)s)",
    "quantile_over_time": "percentile_cont(%(quantiles)s) WITHIN GROUP (ORDER BY %(value)s::float8)",
}
# Upper ends of buckets are powers of two; both signs are turned, since PostgreSQL includes the lower end.
_POWER = "power(2::numeric, 63 - width_bucket(-(%(value)s)::float8, %(powers)s))"
_POWERS = [-float(2**power) for power in range(62, -1, -1)]
_COUNTS = frozenset({"rate", "count_over_time", "histogram_over_time"})


class MetricQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``storage.trace_query.SeriesQuery``: a metric in TraceQL. Steps begin at multiples of ``step_us`` since 1970."""

    query: Query
    metric: Metric
    workspace_id: int
    start_us: int
    end_us: int
    step_us: int

    @property
    def labels(self) -> Sequence[str]:
        """What series are told apart by."""
        bucket = ["__bucket"] if self.metric.function == "histogram_over_time" else []
        return [*(named.label for named in self.metric.by), *bucket]

    @property
    def is_count(self) -> bool:
        """Whether a step without a span counts as zero; otherwise nothing was measured in it."""
        return self.metric.function in _COUNTS

    @property
    def max_series(self) -> int:
        """How many series are answered at most: those with the most spans."""
        steps = self.end_us // self.step_us - self.start_us // self.step_us + 1
        return max(1, min(MAX_SERIES, _MAX_POINTS // steps))

    def statement(self) -> Statement:
        """One series more than ``max_series`` tells that there are more."""
        binder = Binder()
        relations = Relations(self.query, binder, has_ids=False)
        grouped = self._grouped(relations, binder)
        names = [f"l{position}" for position in range(len(self.labels))]
        partition = [exp.column(name, table="q") for name in names]
        total = exp.Window(this=sql("sum(q.spans)"), partition_by=partition)
        # Series of the same size are told apart by their labels.
        rank = exp.Window(
            this=sql("dense_rank()"),
            order=exp.Order(
                expressions=[
                    exp.Ordered(this=exp.column(name, table="g"), desc=name == "total") for name in ("total", *names)
                ]
            ),
        )
        totals = exp.select("q.*", exp.alias_(total, "total")).from_(grouped.subquery("q"))
        ranked = exp.select("g.*", exp.alias_(rank, "series")).from_(totals.subquery("g"))
        found = exp.select("r.*").from_(ranked.subquery("r")).where(sql("r.series <= %(series)s"), copy=False)
        found = found.order_by("r.series", "r.bucket", dialect=DIALECT, copy=False)
        parameters = {
            **binder.parameters,
            **window_parameters(self.workspace_id, self.start_us, self.end_us),
            "step": self.step_us,
            "series": self.max_series + 1,
        }
        return statement(relations.attach(found), parameters)

    def _grouped(self, relations: Relations, binder: Binder) -> exp.Select:
        value = self._value(binder)
        columns = [shown(compile_value(named.field, binder)) for named in self.metric.by]
        if self.metric.function == "histogram_over_time":
            columns.append(self._power(binder))
        source = exp.alias_(exp.to_table(relations.last), "s", table=True)
        grouped = relations.join_traces(exp.select(exp.alias_(sql(_BUCKET), "bucket")).from_(source))
        for position, column in enumerate(columns):
            grouped = grouped.select(exp.alias_(column, f"l{position}"), copy=False)
        measure = sql(
            _MEASURES[self.metric.function],
            value=value,
            quantiles=binder.bind(list(self.metric.quantiles), "float8[]"),
        )
        grouped = grouped.select(exp.alias_(measure, "measure"), sql("count(*) AS spans"), copy=False)
        if self.metric.field is not None:
            grouped = grouped.where(sql("%(value)s IS NOT NULL", value=self._number(binder)), copy=False)
        return grouped.group_by(*(str(position) for position in range(1, len(columns) + 2)), copy=False)

    def _number(self, binder: Binder) -> exp.Expr:
        assert self.metric.field is not None  # noqa: S101 - asked for only where there is one
        return compile_number(self.metric.field.field, binder).tree

    def _value(self, binder: Binder) -> exp.Expr:
        """What is measured; durations in seconds, as in Tempo."""
        if self.metric.field is None:
            return exp.null()
        number = self._number(binder)
        return sql(f"%(number)s / {_NS_PER_S}", number=number) if self._is_duration() else number

    def _power(self, binder: Binder) -> exp.Expr:
        power = sql(_POWER, value=self._number(binder), powers=binder.bind(_POWERS, "float8[]"))
        return sql(
            "to_jsonb(%(power)s)", power=sql(f"%(power)s / {_NS_PER_S}", power=power) if self._is_duration() else power
        )

    def _is_duration(self) -> bool:
        field = self.metric.field.field if self.metric.field else None
        return isinstance(field, Intrinsic) and field.name in DURATIONS


def metric_query(query: Query, window: Window, *, step_us: int | None = None) -> MetricQuery:
    """A question for series.

    Raises:
        QueryError: the query asks for traces.
        CallerError: the step is too small for the window.
    """
    if query.metric is None:
        raise QueryError(query.text, at=len(query.text), found="the end", expected=("a metric, such as `| rate()`",))
    length = window.end_us - window.start_us
    if step_us is None:
        step_us = next((step for step in _STEPS_US if length // step <= _STEPS_WANTED), length // _STEPS_WANTED)
    if length // step_us >= MAX_STEPS:
        raise CallerError(f"step: makes more than {MAX_STEPS} steps of this window")
    return MetricQuery(
        query=query,
        metric=query.metric,
        workspace_id=window.workspace_id,
        start_us=window.start_us,
        end_us=window.end_us,
        step_us=step_us,
    )
