"""Pipelines in SQL: every stage is a common table expression over the rows that the one before it left.

A row is a span with all of its columns, and with those that stages add: ``g0``, ``g1``, ... hold what sets of spans were split
by, ``a0``, ``a1``, ... aggregates over the set that the span is in. A set of spans is what has the same trace and groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlglot import exp

from query.traceql.condition import compile_condition
from query.traceql.sql import Binder, select, sql
from query.traceql.structure import COMBINATIONS, INVERSES, combined, reached, related
from query.traceql.syntax import (
    Aggregate,
    Coalesce,
    Combination,
    Filter,
    Group,
    Intrinsic,
    Pipeline,
    Query,
    Scalar,
    Stage,
    walk,
)
from query.traceql.value import compile_number, compile_value, shown
from query.traceql.word import OF_TRACE

# All spans that a query can match; the name of this relation, and of what is known of their traces.
WINDOW, TRACES = "w", "t"
_OPERATORS: Mapping[str, str] = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_SPANS = (
    "SELECT s.* FROM relayscope.spans AS s WHERE s.workspace_id = %(workspace_id)s "
    "AND s.start_time >= %(start)s AND s.start_time <= %(end)s"
)
_OF_TRACES = (
    "SELECT x.trace_id, (max(extract(epoch FROM x.start_time) * 1000000000 + x.start_time_ns + greatest(x.duration_ns, 0)) "
    "- min(extract(epoch FROM x.start_time) * 1000000000 + x.start_time_ns))::numeric AS duration_ns, "
    "(array_agg(x.name ORDER BY x.start_time, x.start_time_ns, x.span_id) "
    "FILTER (WHERE x.parent_span_id IS NULL))[1] AS root_name, "
    "(array_agg(x.service_name ORDER BY x.start_time, x.start_time_ns, x.span_id) "
    "FILTER (WHERE x.parent_span_id IS NULL))[1] AS root_service "
    "FROM relayscope.spans AS x WHERE x.workspace_id = %(workspace_id)s "
    "AND x.start_time >= %(near_start)s AND x.start_time <= %(near_end)s AND %(limits)s GROUP BY x.trace_id"
)
_AGGREGATES: Mapping[str, str] = {
    "count": "count(*)",
    "avg": "avg(%(value)s)",
    "min": "min(%(value)s)",
    "max": "max(%(value)s)",
    "sum": "sum(%(value)s)",
}


class Relations:
    """Compiles the stages of one query. ``has_ids`` bounds it to the traces ``%(trace_ids)s``."""

    def __init__(self, query: Query, binder: Binder, *, has_ids: bool) -> None:
        self._binder = binder
        self._tables: list[tuple[str, exp.Expr]] = []
        self._asks_traces = asks_traces(query)
        # The columns of what the sets of the last stage were split by, and of their aggregates.
        self.groups: list[str] = []
        self.aggregates: list[str] = []
        self._number = 0
        spans = select(_SPANS)
        if has_ids:
            spans = spans.where(sql("s.trace_id = ANY(%(trace_ids)s)"), copy=False)
        self._tables.append((WINDOW, spans))
        if self._asks_traces:
            limits = "x.trace_id = ANY(%(trace_ids)s)" if has_ids else "x.trace_id IN (SELECT w.trace_id FROM w)"
            self._tables.append((TRACES, sql(_OF_TRACES, limits=sql(limits))))
        self.last = self._pipeline(query.pipeline)

    def attach(self, statement: exp.Select) -> exp.Select:
        """The statement with the relations before it."""
        for name, tree in self._tables:
            statement = statement.with_(name, as_=tree, recursive=True, copy=False)
        return statement

    def join_traces(self, statement: exp.Select) -> exp.Select:
        """The statement over ``s`` with what is known of the traces, if the query asks for it."""
        if not self._asks_traces:
            return statement
        return statement.join("t", on="t.trace_id = s.trace_id", join_type="left", copy=False)

    def _pipeline(self, pipeline: Pipeline, source: str = WINDOW) -> str:
        for stage in pipeline.stages:
            source = self._stage(stage, source)
        return source

    def _stage(self, stage: Stage, source: str) -> str:
        if isinstance(stage, Filter):
            return self._filter(stage, source)
        if isinstance(stage, Combination):
            return self._combination(stage)
        if isinstance(stage, Pipeline):
            return self._operand(stage)
        if isinstance(stage, Group):
            return self._group(stage, source)
        if isinstance(stage, Scalar):
            return self._scalar(stage, source)
        if isinstance(stage, Coalesce):
            self.groups, self.aggregates = [], []
        return source

    def _operand(self, pipeline: Stage) -> str:
        """A pipeline in parentheses. What it was split by and measured ends with it."""
        groups, aggregates = self.groups, self.aggregates
        self.groups, self.aggregates = [], []
        found = self._pipeline(pipeline) if isinstance(pipeline, Pipeline) else self._stage(pipeline, WINDOW)
        self.groups, self.aggregates = groups, aggregates
        return found

    def _filter(self, stage: Filter, source: str) -> str:
        if stage.condition is None:
            return source
        found = self.join_traces(self._all_of(source))
        return self._add(found.where(compile_condition(stage.condition, self._binder), copy=False))

    def _combination(self, stage: Combination) -> str:
        left, right = self._operand(stage.left), self._operand(stage.right)
        if stage.op in COMBINATIONS:
            return self._add(combined(stage.op, left=left, right=right))
        op = stage.op.lstrip("!&")
        found = self._related(op, left, right, is_negated=stage.op[0] == "!")
        if stage.op[0] != "&":
            return found
        return self._add(combined("||", left=found, right=self._related(INVERSES[op], right, left)))

    def _related(self, op: str, left: str, right: str, *, is_negated: bool = False) -> str:
        name = self._next("n")
        reach = reached(op, left=left, name=name)
        if reach is not None:
            self._tables.append((name, reach))
        return self._add(related(op, left=left, right=right, reach=name, is_negated=is_negated))

    def _group(self, stage: Group, source: str) -> str:
        column = self._next("g")
        value = shown(compile_value(stage.value, self._binder))
        self.groups.append(column)
        found = self.join_traces(self._all_of(source))
        return self._add(found.select(exp.alias_(value, column), copy=False))

    def _scalar(self, stage: Scalar, source: str) -> str:
        column = self._next("a")
        measure = self._measure(stage.aggregate)
        window = exp.Window(this=measure, partition_by=self.set_columns("s"))
        measured = self.join_traces(self._all_of(source)).select(exp.alias_(window, column), copy=False)
        bound = Decimal(repr(stage.bound))
        self.aggregates.append(column)
        holds = sql(f"s.{column} {_OPERATORS[stage.op]} %(bound)s", bound=self._binder.bind(bound, "numeric"))
        return self._add(self._all_of(self._add(measured)).where(holds, copy=False))

    def _measure(self, aggregate: Aggregate) -> exp.Expr:
        template = _AGGREGATES[aggregate.op]
        if aggregate.value is None:
            return sql(template)
        return sql(template, value=compile_number(aggregate.value, self._binder).tree)

    def set_columns(self, table: str) -> list[exp.Expr]:
        """What tells one set of spans from another."""
        return [exp.column(column, table=table) for column in ("trace_id", *self.groups)]

    def _all_of(self, source: str) -> exp.Select:
        return exp.select("s.*").from_(exp.alias_(exp.to_table(source), "s", table=True))

    def _add(self, tree: exp.Expr) -> str:
        name = self._next("n")
        self._tables.append((name, tree))
        return name

    def _next(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}{self._number}"


def asks_traces(query: Query) -> bool:
    """Whether something of a whole trace is asked for."""
    return any(isinstance(node, Intrinsic) and node.name in OF_TRACE for node in walk(query))
