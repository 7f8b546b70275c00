"""Searches in SQL: one statement finds candidates, newest first, another one what they match.

The first yields ``(trace_id, start_time)`` of spans that a found trace must have, at most ``%(rows)s``; the second, for some traces,
one row for each span that is shown of each set of spans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec
from sqlglot import exp

from query.search import of_part
from query.traceql.condition import compile_condition
from query.traceql.driver import driver
from query.traceql.failure import QueryError
from query.traceql.relation import Relations
from query.traceql.sql import DIALECT, Binder, select, sql
from query.traceql.syntax import Coalesce, Group, Named, Query, Scalar, Select
from query.traceql.term import terms_of
from query.traceql.value import compile_value, shown
from storage.api import SearchCursor, SearchPart, Statement, Window

MAX_SPANS_SHOWN = 10
MAX_SETS_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_OTLP_US = 2**64 // 1000
# Parents, children and the whole of a trace are looked for among spans that start so much before or after the window.
_NEAR_US = 86_400_000_000
_CANDIDATES = (
    "SELECT s.trace_id, s.start_time FROM relayscope.spans AS s "
    "ORDER BY s.start_time DESC, s.trace_id DESC LIMIT %(rows)s"
)
# Each trace that has a candidate once.
_TRACES = (
    "SELECT s.trace_id, CAST(sum(count(*)) OVER () AS bigint) AS spans FROM relayscope.spans AS s "
    "GROUP BY s.trace_id ORDER BY min(s.start_time), s.trace_id"
)
_IN_WINDOW = "s.workspace_id = %(workspace_id)s AND s.start_time >= %(start)s AND s.start_time <= %(end)s"
_BELOW = "(s.start_time, s.trace_id) < (%(below_start)s, %(below_trace_id)s)"
# A trace that was looked at for an earlier page: it has such a span at or above the cursor.
_SEEN = "n.trace_id = s.trace_id AND (n.start_time, n.trace_id) >= (%(after_start)s, %(after_trace_id)s)"
_SPAN = "s.trace_id, s.span_id, s.start_time, s.start_time_ns, s.duration_ns, s.name, s.service_name, s.set_number, s.matched"
_PLACED = "SELECT s.* FROM {0} AS s"
_PLACE = "row_number() OVER (ORDER BY s.start_time, s.start_time_ns, s.span_id, s.fingerprint)"


class TraceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``storage.trace_query.TraceQuery``: a search in TraceQL."""

    query: Query
    workspace_id: int
    start_us: int
    end_us: int
    limit: int
    after: SearchCursor | None = None

    def candidates(self, *, below: SearchCursor | None = None, part: SearchPart | None = None) -> Statement:
        """Spans of traces that can be found. ``below`` continues within a page, ``part`` bounds what is looked at."""
        where, parameters = self._candidate_conditions()
        found = select(_CANDIDATES).where(*where, copy=False)
        place = below or self.after
        if place is not None:
            found = found.where(sql(_BELOW), copy=False)
            parameters |= {"below_start": moment(place.start_us), "below_trace_id": place.trace_id}
        if self.after is not None:
            found = found.where(_not_seen(where), copy=False)
            parameters |= {"after_start": moment(self.after.start_us), "after_trace_id": self.after.trace_id}
        if part is not None:
            found = of_part(found, part)
            parameters |= {"part_start": moment(part.start_us), "part_end": moment(part.end_us)}
        made = statement(found, parameters)
        return Statement(sql=made.sql, parameters=made.parameters, terms=terms_of(driver(self.query.pipeline)))

    def _candidate_conditions(self) -> tuple[list[exp.Expr], dict[str, object]]:
        binder = Binder()
        condition = driver(self.query.pipeline)
        where = [sql(_IN_WINDOW)]
        if condition is not None:
            where.append(compile_condition(condition, binder))
        return where, {**binder.parameters, **window_parameters(self.workspace_id, self.start_us, self.end_us)}

    def traces(self) -> Statement:
        """See ``storage.export.TraceSelection``: every trace that has a candidate."""
        where, parameters = self._candidate_conditions()
        return statement(select(_TRACES).where(*where, copy=False), parameters)

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for anything; what it asks for may be true of all spans."""
        return True

    def matches(self, trace_ids: Sequence[bytes]) -> Statement:
        """What these traces match: ``trace_id``, ``set_number``, ``matched``, the span, and the values as jsonb."""
        compiled = _compiled_matches(self.query)
        window = window_parameters(self.workspace_id, self.start_us, self.end_us)
        given = {**window, **compiled.parameters, "trace_ids": list(trace_ids)}
        return Statement(
            sql=compiled.sql, parameters={name: value for name, value in given.items() if f"%({name})s" in compiled.sql}
        )

    @property
    def set_labels(self) -> Sequence[str]:
        """What the first values of a row are, which all spans of a set share: groups, then aggregates."""
        groups: list[str] = []
        aggregates: list[str] = []
        for stage in self.query.pipeline.stages:
            if isinstance(stage, Group):
                groups.append(stage.label)
            elif isinstance(stage, Scalar):
                aggregates.append(stage.aggregate.label)
            elif isinstance(stage, Coalesce):
                groups, aggregates = [], []
        return [*groups, *aggregates]

    @property
    def span_labels(self) -> Sequence[str]:
        """What the other values of a row are: the fields of ``select()``."""
        return [named.label for named in _selected(self.query)]


# A page can need a hundred of these, which differ in the ids only.
@lru_cache(maxsize=64)
def _compiled_matches(query: Query) -> Statement:
    """The statement of ``TraceQuery.matches``, with the parameters that the query gives."""
    binder = Binder()
    relations = Relations(query, binder, has_ids=True)
    placed = select(_PLACED.format(relations.last))
    for column, function in (("matched", "count(*) OVER ()"), ("place", _PLACE)):
        window = sql(function)
        window.set("partition_by", relations.set_columns("s"))
        placed = placed.select(exp.alias_(window, column), copy=False)
    number = exp.Window(
        this=sql("dense_rank()"),
        partition_by=[exp.column("trace_id", table="s")],
        order=exp.Order(expressions=[exp.Ordered(this=column) for column in relations.set_columns("s")]),
    )
    placed = placed.select(exp.alias_(number, "set_number"), copy=False)
    found = relations.join_traces(exp.select(*_SPAN.split(", ")).from_(placed.subquery("s")))
    for position, tree in enumerate(_values(query, relations, binder)):
        found = found.select(exp.alias_(tree, f"v{position}"), copy=False)
    found = found.where(sql(f"s.place <= {MAX_SPANS_SHOWN} AND s.set_number <= {MAX_SETS_SHOWN}"), copy=False)
    found = found.order_by("s.trace_id", "s.set_number", "s.place", copy=False, dialect=DIALECT)
    return statement(relations.attach(found), binder.parameters)


def _values(query: Query, relations: Relations, binder: Binder) -> list[exp.Expr]:
    groups: list[exp.Expr] = [exp.column(column, table="s") for column in relations.groups]
    aggregates = [sql(f"to_jsonb(s.{column})") for column in relations.aggregates]
    selected = [shown(compile_value(named.field, binder)) for named in _selected(query)]
    return [*groups, *aggregates, *selected]


def _selected(query: Query) -> list[Named]:
    return [named for stage in query.pipeline.stages if isinstance(stage, Select) for named in stage.fields]


def trace_query(query: Query, window: Window, *, limit: int, after: SearchCursor | None = None) -> TraceQuery:
    """A search for traces.

    Raises:
        QueryError: the query asks for series.
    """
    if query.metric is not None:
        raise QueryError(
            query.text, at=query.metric.at, reason=f"`{query.metric.function}` is answered by /api/v1/traces/metrics"
        )
    return TraceQuery(
        query=query,
        workspace_id=window.workspace_id,
        start_us=window.start_us,
        end_us=window.end_us,
        limit=limit,
        after=after,
    )


def statement(tree: exp.Expr, parameters: Mapping[str, object]) -> Statement:
    """The statement, with those of the parameters that it has places for."""
    used = {placeholder.name for placeholder in tree.find_all(exp.Placeholder)}
    return Statement(
        sql=tree.sql(DIALECT), parameters={name: value for name, value in parameters.items() if name in used}
    )


def window_parameters(workspace_id: int, start_us: int, end_us: int) -> dict[str, object]:
    """The bounds of a query, and the wider ones in which relatives of a span are looked for."""
    return {
        "workspace_id": workspace_id,
        "start": moment(start_us),
        "end": moment(end_us),
        "near_start": moment(start_us - _NEAR_US),
        "near_end": moment(end_us + _NEAR_US),
    }


def moment(unix_us: int) -> datetime:
    """Moments outside what OTLP can say are moved to its ends, where no span is missed by it."""
    return _EPOCH + timedelta(microseconds=min(max(unix_us, 0), _MAX_OTLP_US))


def _not_seen(conditions: Sequence[exp.Expr]) -> exp.Expr:
    inner = [condition.copy() for condition in conditions]
    for condition in inner:
        for column in condition.find_all(exp.Column):
            if column.table == "s":
                column.set("table", exp.to_identifier("n"))
    seen = exp.select("1").from_("relayscope.spans AS n").where(sql(_SEEN), *inner)
    return exp.not_(exp.Exists(this=seen))
