"""Hypothesis strategies for TraceQL: queries of the subset as text, and traces small enough that they match now and then."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.factory import BASE_US, MS_NS
from tracedata import Event, Link, Resource, Scope, Span, SpanKind, StatusCode, Value

_NAMES = ("x", "y", "xy")
_TRACE_IDS = (b"\1" * 16, b"\2" * 16, b"\3" * 16)
_SPAN_IDS = tuple(bytes([number]) * 8 for number in range(1, 6))
_SCALARS: tuple[Value, ...] = (0, 1, 2, -1, 1.5, 2.0, 2**53 + 1, "x", "y", "1", "é", "", True, False)
_ODD: tuple[Value, ...] = (None, b"x", {"x": 1}, float("nan"), float("inf"), -0.0, [], [None])

_scalars = st.sampled_from(_SCALARS)
_values: st.SearchStrategy[Value] = st.one_of(_scalars, st.lists(_scalars, max_size=3), st.sampled_from(_ODD))
_attributes = st.dictionaries(st.sampled_from(["a", "b"]), _values, max_size=2)
_names = st.sampled_from(_NAMES)


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Spans of some traces, no two of which start at the same time. Parents can be missing, or go in circles."""
    count = draw(st.integers(1, 9))
    return [draw(_span(number)) for number in range(count)]


@st.composite
def _span(draw: st.DrawFn, number: int) -> Span:
    start = BASE_US * 1_000 + number * 7_000_001_003
    return Span(
        trace_id=draw(st.sampled_from(_TRACE_IDS)),
        span_id=draw(st.sampled_from(_SPAN_IDS)),
        parent_span_id=draw(st.just(b"") | st.sampled_from(_SPAN_IDS)),
        resource=Resource(attributes={"service.name": draw(_names), **draw(_attributes)}),
        scope=Scope(name=draw(_names), version="1", attributes=draw(_attributes)),
        name=draw(_names),
        kind=draw(st.sampled_from(SpanKind)),
        status_code=draw(st.sampled_from(StatusCode)),
        status_message=draw(st.sampled_from(["", "x"])),
        start_time_unix_nano=start,
        end_time_unix_nano=start + draw(st.sampled_from([-MS_NS, 0, 1, MS_NS, 3 * MS_NS])),
        attributes={**draw(_attributes), "k": draw(st.sampled_from(["x", 1, 2.5, None]))},
        events=draw(st.lists(st.builds(Event, name=_names, attributes=_attributes), max_size=2)),
        links=draw(st.lists(st.builds(Link, trace_id=st.just(b"\1" * 16), attributes=_attributes), max_size=1)),
    )


_places = st.sampled_from(["", "span", "resource", "event", "link", "instrumentation"])
_fields = st.builds(lambda scope, name: f"{scope}.{name}", _places, st.sampled_from(["a", "b"]))
_numbers = st.sampled_from(["0", "1", "2", "-1", "1.5", "2.0", "9007199254740993"])
_texts = st.sampled_from(['"x"', '"y"', '"1"', '"é"', '""', "`xy`"])
_patterns = st.sampled_from(['"x.*"', '"x|1"', '"[^x]?"', '"(x|y)+"', '".*"', '"(?i)X"', '"y{0,2}"'])
_equalities = st.sampled_from(["=", "!="])
_orders = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_text_intrinsics = st.sampled_from(
    "name statusMessage rootName rootServiceName instrumentation:name event:name link:traceID span:parentID".split()
)
_number_intrinsics = st.sampled_from(["duration", "traceDuration", "childCount"])
_durations = st.sampled_from(["0ms", "1ms", "2ms", "-1ms", "1.5ms", "7s", "1"])


def _said(*words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*words).map(" ".join)


_terms = _fields | _numbers | st.just("duration")
_arithmetic = st.one_of(
    _terms,
    _said(_terms, st.sampled_from("+-*"), _terms),
    _said(_terms, st.sampled_from("/%"), st.sampled_from(["2", "-2", "0"])),
    _said(st.just("- ("), _terms, st.just("+"), _terms, st.just(")")),
)
_comparisons = st.one_of(
    _said(_fields, _orders, _numbers | _texts),
    _said(_numbers | _texts, _orders, _fields),
    _said(_fields, st.sampled_from(["=~", "!~"]), _patterns),
    _said(_fields, _equalities, st.sampled_from(["true", "false", "nil"])),
    _said(_fields, _orders, _fields),
    _said(_text_intrinsics, _orders, _texts),
    _said(_text_intrinsics, st.sampled_from(["=~", "!~"]), _patterns),
    _said(_text_intrinsics, _equalities, st.just("nil")),
    _said(_text_intrinsics | st.just("span:parentID"), _orders, _fields),
    _said(_number_intrinsics, _orders, _durations),
    _said(_arithmetic, _orders, _arithmetic),
    _said(st.just("status"), _equalities, st.sampled_from(["ok", "error", "unset"])),
    _said(st.just("kind"), _equalities, st.sampled_from(["server", "client"])),
    st.sampled_from(["nestedSetParent < 0", "nestedSetParent != -1", "true", "false", "nil = nil", "1 < 2"]),
    _fields,
)
_conditions = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        _said(inner, st.sampled_from(["&&", "||"]), inner),
        inner.map(lambda condition: f"!({condition})"),
        inner.map(lambda condition: f"({condition})"),
        _fields.map(lambda field: f"!{field}"),
    ),
    max_leaves=4,
)
_filters = st.just("{}") | _conditions.map(lambda condition: f"{{ {condition} }}")
_operators = st.sampled_from("&& || > >> < << ~ !> !>> !< !<< !~ &> &>> &< &<< &~".split())
_aggregates = st.one_of(
    _said(st.just("count()"), _orders, st.sampled_from(["0", "1", "2"])),
    _said(
        st.builds(
            lambda function, value: f"{function}({value})",
            st.sampled_from(["avg", "min", "max", "sum"]),
            _fields | _number_intrinsics,
        ),
        st.sampled_from(["<", "<=", ">", ">=", "!="]),
        _durations | _numbers,
    ),
)
_operands = st.one_of(_filters, _said(st.just("("), _filters, st.just("|"), _aggregates, st.just(")")))
_spansets = st.recursive(
    _operands,
    lambda inner: st.one_of(_said(inner, _operators, inner), _said(st.just("("), inner, st.just(")"))),
    max_leaves=3,
)
_groups = st.sampled_from(["by(name)", "by(status)", "by(kind)", "by(span.k)", "by(rootName)"])
_stages = st.one_of(_filters, _aggregates, _groups, st.just("coalesce()"))


def queries() -> st.SearchStrategy[str]:
    """Queries for traces."""
    more = st.lists(_stages, max_size=3)
    return st.builds(lambda first, rest: " | ".join([first, *rest]), _spansets, more)


def measured_queries() -> st.SearchStrategy[str]:
    """Queries for series."""
    functions = st.sampled_from(
        ["rate()", "count_over_time()"]
        + [
            f"{name}_over_time({field})"
            for name in ("min", "max", "avg", "sum")
            for field in ("duration", ".a", "childCount")
        ]
        + ["quantile_over_time(duration, 0, 1)"]
    )
    groupings = st.sampled_from(["", " by (name)", " by (span.k, status)", " by (rootServiceName)"])
    return st.builds(
        lambda found, function, grouping: f"{found} | {function}{grouping}", queries(), functions, groupings
    )
