"""TraceQL over spans in memory, by brute force: slow, obvious, and the oracle for what is compiled to SQL."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from query.traceql.syntax import (
    Aggregate,
    Arithmetic,
    Attribute,
    Coalesce,
    Combination,
    Comparison,
    Expression,
    Filter,
    Group,
    Intrinsic,
    Literal,
    Logic,
    Metric,
    Negative,
    Not,
    Pipeline,
    Query,
    Scalar,
    Select,
    Stage,
)
from tracedata import Span, SpanKind, StatusCode, Value

# Any: what is compared has the same type on both sides, which the checker cannot see.
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Typed:
    """A value and what it is: number, text, boolean, status, kind, array, other."""

    type: str
    value: object
    is_whole: bool = False


@dataclass(frozen=True)
class FoundSet:
    """Spans that match together, and what they were grouped by and measured at."""

    spans: tuple[Span, ...]
    values: tuple[tuple[str, object], ...] = ()


_Sets: TypeAlias = list[FoundSet]


def found_in(query: Query, trace: Sequence[Span]) -> Sequence[FoundSet]:
    """The sets of spans of one trace that match."""
    return _Trace(trace).pipeline(query.pipeline)


def selected(query: Query, trace: Sequence[Span], span: Span) -> Mapping[str, object]:
    """What ``select()`` shows of a span."""
    fields = [named for stage in query.pipeline.stages if isinstance(stage, Select) for named in stage.fields]
    return {named.label: shown(_Trace(trace).value(named.field, span)) for named in fields}


def measured(
    query: Query, metric: Metric, traces: Iterable[Sequence[Span]], step_us: int
) -> Mapping[tuple[object, ...], Mapping[int, list[Fraction]]]:
    """Of a metric: for each series and step the numbers that the function is applied to; 1 for each span without a field."""
    found: dict[tuple[object, ...], dict[int, list[Fraction]]] = {}
    for spans in traces:
        trace = _Trace(spans)
        for span in {id(span): span for one in trace.pipeline(query.pipeline) for span in one.spans}.values():
            number: object = Fraction(1)
            if metric.field is not None:
                value = trace.value(metric.field.field, span)
                if value is None or value.type != "number":
                    continue
                number = value.value
            labels = tuple(shown(trace.value(named.field, span)) for named in metric.by)
            assert isinstance(number, Fraction)
            bucket = span.start_time_unix_nano // 1_000 // step_us
            found.setdefault(labels, {}).setdefault(bucket, []).append(number)
    return found


def shown(value: Typed | None) -> object:
    """A value as an answer has it."""
    if value is None:
        return None
    if value.type == "status":
        return StatusCode(int(str(value.value))).name.lower()
    if value.type == "kind":
        return SpanKind(int(str(value.value))).name.lower()
    if isinstance(value.value, Fraction):
        return int(value.value) if value.value.denominator == 1 else float(value.value)
    return value.value


class _Trace:
    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = sorted(spans, key=lambda span: (span.start_time_unix_nano, span.span_id))

    def pipeline(self, pipeline: Pipeline) -> _Sets:
        sets: _Sets = [FoundSet(tuple(self._spans))] if self._spans else []
        for stage in pipeline.stages:
            sets = [found for found in self._stage(stage, sets) if found.spans]
        return sets

    def _stage(self, stage: Stage, sets: _Sets) -> _Sets:
        if isinstance(stage, Filter):
            return [FoundSet(tuple(s for s in one.spans if self._holds(stage, s)), one.values) for one in sets]
        if isinstance(stage, Combination | Pipeline):
            return [FoundSet(tuple(self._operand(stage)))]
        if isinstance(stage, Group):
            return [part for one in sets for part in self._split(stage, one)]
        if isinstance(stage, Scalar):
            return [part for one in sets for part in self._kept(stage, one)]
        if isinstance(stage, Coalesce):
            return [FoundSet(tuple(span for one in sets for span in one.spans))]
        return sets

    def _holds(self, stage: Filter, span: Span) -> bool:
        return stage.condition is None or self.condition(stage.condition, span)

    def _split(self, stage: Group, one: FoundSet) -> _Sets:
        parts: dict[str, list[Span]] = {}
        values: dict[str, object] = {}
        for span in one.spans:
            value = shown(self.value(stage.value, span))
            # 1 and 1.0 are one group, True is another.
            key = f"{type(value).__name__ if isinstance(value, bool) else ''}{_plain(value)!r}"
            values.setdefault(key, value)
            parts.setdefault(key, []).append(span)
        return [FoundSet(tuple(spans), (*one.values, (stage.label, values[key]))) for key, spans in parts.items()]

    def _kept(self, stage: Scalar, one: FoundSet) -> _Sets:
        measure = self._measure(stage.aggregate, one.spans)
        if measure is None or not _ORDERS[stage.op](measure, _fraction(stage.bound)):
            return []
        value = int(measure) if measure.denominator == 1 else float(measure)
        return [FoundSet(one.spans, (*one.values, (stage.aggregate.label, value)))]

    def _measure(self, aggregate: Aggregate, spans: Sequence[Span]) -> Fraction | None:
        if aggregate.value is None:
            return Fraction(len(spans))
        values = [self.value(aggregate.value, span) for span in spans]
        numbers = [v.value for v in values if v is not None and isinstance(v.value, Fraction)]
        if not numbers:
            return None
        if aggregate.op in ("min", "max"):
            return min(numbers) if aggregate.op == "min" else max(numbers)
        total = sum(numbers, start=Fraction())
        return total if aggregate.op == "sum" else total / len(numbers)

    def _operand(self, stage: Stage) -> list[Span]:
        if not isinstance(stage, Combination):
            pipeline = stage if isinstance(stage, Pipeline) else Pipeline(stages=(stage,))
            return [span for one in self.pipeline(pipeline) for span in one.spans]
        left, right = self._operand(stage.left), self._operand(stage.right)
        if stage.op in ("&&", "||"):
            is_kept = bool(left and right) if stage.op == "&&" else True
            return self._in_order([*left, *right]) if is_kept else []
        relation = self._relations()[stage.op.lstrip("!&")]
        pairs = [(a, b) for a in left for b in right if relation(a, b)]
        if stage.op[0] == "!":
            return [b for b in right if not any(b is other for _, other in pairs)]
        found = [b for _, b in pairs]
        return self._in_order([*found, *(a for a, _ in pairs)] if stage.op[0] == "&" else found)

    def _relations(self) -> Mapping[str, Callable[[Span, Span], bool]]:
        return {
            ">": lambda a, b: bool(b.parent_span_id) and b.parent_span_id == a.span_id,
            "<": lambda a, b: bool(a.parent_span_id) and a.parent_span_id == b.span_id,
            "~": lambda a, b: a is not b and bool(a.parent_span_id) and a.parent_span_id == b.parent_span_id,
            ">>": lambda a, b: a.span_id in self._ancestors(b),
            "<<": lambda a, b: b.span_id in self._ancestors(a),
        }

    def _ancestors(self, span: Span) -> set[bytes]:
        """Ids of all spans above a span; the way goes through spans that are there."""
        found: set[bytes] = set()
        waiting = [span.parent_span_id]
        while waiting:
            span_id = waiting.pop()
            if span_id and span_id not in found:
                found.add(span_id)
                waiting += [other.parent_span_id for other in self._spans if other.span_id == span_id]
        return found

    def _in_order(self, spans: Iterable[Span]) -> list[Span]:
        wanted = {id(span) for span in spans}
        return [span for span in self._spans if id(span) in wanted]

    def condition(self, node: Expression, span: Span) -> bool:
        if isinstance(node, Logic):
            holds = [self.condition(operand, span) for operand in node.operands]
            return all(holds) if node.op == "&&" else any(holds)
        if isinstance(node, Not):
            if isinstance(node.operand, Attribute):
                return self._compare(node.operand, "=", Literal(type="boolean", value=False), span)
            return not self.condition(node.operand, span)
        if isinstance(node, Comparison):
            return self._compare(node.left, node.op, node.right, span)
        return self._compare(node, "=", Literal(type="boolean", value=True), span)

    def _compare(self, left: Expression, op: str, right: Expression, span: Span) -> bool:
        if isinstance(left, Literal) and not isinstance(right, Literal):
            flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
            return self._compare(right, flipped.get(op, op), left, span)
        if isinstance(right, Literal) and right.type == "nil":
            if isinstance(left, Literal):
                return False
            return (self.value(left, span) is not None) == (op == "!=")
        if isinstance(left, Intrinsic) and left.name == "nestedSetParent":
            assert isinstance(right, Literal)
            return _ORDERS[op](0 if span.parent_span_id else -1, right.value)
        if isinstance(left, Intrinsic) and left.name in ("trace:id", "span:id") and op in ("=", "!="):
            assert isinstance(right, Literal)
            digits = 32 if left.name == "trace:id" else 16
            right = Literal(type="text", value=str(right.value).lower().rjust(digits, "0"))
        a, b = self.value(left, span), self.value(right, span)
        if a is None or b is None:
            return False
        is_literal = isinstance(right, Literal)
        elements = a.value if a.type == "array" and is_literal and isinstance(a.value, list | tuple) else [a]
        typed = [item if isinstance(item, Typed) else _typed(item) for item in elements]
        return _any_or_none(
            [item for item in typed if item.type == b.type and item.type not in ("array", "other")], op, b
        )

    def value(self, node: Expression, span: Span) -> Typed | None:
        if isinstance(node, Literal):
            if node.type == "number":
                assert isinstance(node.value, int | float)
                return Typed("number", _fraction(node.value), node.is_whole)
            return Typed(node.type, node.value)
        if isinstance(node, Attribute):
            found = _attribute(node, span)
            return None if found is None else _typed(found)
        if isinstance(node, Intrinsic):
            return self._intrinsic(node.name, span)
        if isinstance(node, Negative):
            operand = self._number(node.operand, span)
            return None if operand is None else Typed("number", -operand[0], operand[1])
        assert isinstance(node, Arithmetic)
        left, right = self._number(node.left, span), self._number(node.right, span)
        return None if left is None or right is None else _arithmetic(node.op, left, right)

    def _number(self, node: Expression, span: Span) -> tuple[Fraction, bool] | None:
        value = self.value(node, span)
        if value is None or not isinstance(value.value, Fraction):
            return None
        return value.value, value.is_whole

    def _intrinsic(self, name: str, span: Span) -> Typed | None:
        root = next((other for other in self._spans if not other.parent_span_id), None)
        if name == "event:name":
            return _several([event.name for event in span.events if event.name])
        if name == "link:traceID":
            return _several([link.trace_id.hex() for link in span.links])
        if name == "link:spanID":
            return _several([link.span_id.hex() for link in span.links])
        if name in ("trace:rootName", "trace:rootService"):
            if root is None:
                return None
            return Typed("text", root.name if name == "trace:rootName" else root.resource.service_name)
        if name == "span:parentID" and not span.parent_span_id:
            return None
        return self._plain_intrinsic(name, span)

    def _plain_intrinsic(self, name: str, span: Span) -> Typed:
        children = sum(other.parent_span_id == span.span_id for other in self._spans)
        end = max(max(other.start_time_unix_nano, other.end_time_unix_nano) for other in self._spans)
        return {
            "span:name": Typed("text", span.name),
            "span:duration": Typed("number", Fraction(span.duration_ns)),
            "span:status": Typed("status", int(span.status_code)),
            "span:statusMessage": Typed("text", span.status_message),
            "span:kind": Typed("kind", int(span.kind)),
            "span:id": Typed("text", span.span_id.hex()),
            "span:parentID": Typed("text", span.parent_span_id.hex()),
            "span:childCount": Typed("number", Fraction(children), is_whole=True),
            "trace:id": Typed("text", span.trace_id.hex()),
            "trace:duration": Typed("number", Fraction(end - self._spans[0].start_time_unix_nano)),
            "instrumentation:name": Typed("text", span.scope.name),
            "instrumentation:version": Typed("text", span.scope.version),
        }[name]


def _attribute(node: Attribute, span: Span) -> Value:
    if node.scope in ("event", "link"):
        holders = span.events if node.scope == "event" else span.links
        found: list[Value] = []
        for holder in holders:
            value = holder.attributes.get(node.name)
            found += value if isinstance(value, list | tuple) else [value]
        return [value for value in found if value is not None] or None
    places = {
        "span": (span.attributes,),
        "resource": (span.resource.attributes,),
        "instrumentation": (span.scope.attributes,),
        "": (span.attributes, span.resource.attributes),
    }[node.scope]
    return next((place[node.name] for place in places if place.get(node.name) is not None), None)


def _several(values: Sequence[str]) -> Typed | None:
    return Typed("array", list(values)) if values else None


def _typed(value: Value) -> Typed:
    if isinstance(value, bool):
        return Typed("boolean", value)
    if isinstance(value, int):
        return Typed("number", Fraction(value), is_whole=True)
    if isinstance(value, float) and math.isfinite(value) and math.copysign(1.0, value) == (1.0 if value >= 0 else -1.0):
        return Typed("number", _fraction(value))
    if isinstance(value, str):
        return Typed("text", value)
    return Typed("array" if isinstance(value, list | tuple) else "other", value)


def _any_or_none(items: Sequence[Typed], op: str, other: Typed) -> bool:
    """Orders and equality hold for any; their opposites for all, of which there must be one."""
    if op in ("!=", "!~"):
        opposite = "=" if op == "!=" else "=~"
        return bool(items) and not any(_pair(item, opposite, other) for item in items)
    return any(_pair(item, op, other) for item in items)


def _pair(item: Typed, op: str, other: Typed) -> bool:
    if op == "=~":
        return re.fullmatch(str(other.value), str(item.value), re.DOTALL) is not None
    return _ORDERS[op](item.value, other.value)


def _arithmetic(op: str, left: tuple[Fraction, bool], right: tuple[Fraction, bool]) -> Typed | None:
    is_whole = left[1] and right[1]
    if op in ("/", "%"):
        if right[0] == 0:
            return None
        quotient = left[0] / right[0]
        if op == "%":
            return Typed("number", left[0] - right[0] * math.trunc(quotient), is_whole)
        return Typed("number", Fraction(math.trunc(quotient)) if is_whole else quotient, is_whole)
    apply = {"+": operator.add, "-": operator.sub, "*": operator.mul}[op]
    return Typed("number", apply(left[0], right[0]), is_whole)


def _fraction(value: float) -> Fraction:
    # As decimal digits, which is how doubles are stored.
    return Fraction(repr(value))


def _plain(value: object) -> object:
    return float(value) if isinstance(value, int | float) else value
