"""What a tree must keep to beyond the grammar: which types meet, and which stage follows which."""

from __future__ import annotations

from query.traceql.failure import QueryError
from query.traceql.regular import RegexError, to_postgres
from query.traceql.syntax import (
    Aggregate,
    Arithmetic,
    Attribute,
    Coalesce,
    Combination,
    Comparison,
    Element,
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
    Stage,
    Type,
    walk,
)
from query.traceql.word import TYPES

_REGULAR = ("=~", "!~")
_EQUAL = ("=", "!=")
# What can be said of the numbering of a tree: whether a span is a root, which has the parent -1.
_ROOTS = frozenset({("<", 0), ("=", -1), ("<=", -1), (">=", 0), (">", -1), ("!=", -1)})
_MAX_NODES = 400
# Whether a quotient is whole is asked of both sides, so SQL doubles with each division.
_MAX_DIVISIONS = 3
_MAX_GROUPS = 8
_MAX_STAGES = 32
# Each of them is a series of its own in every group.
_MAX_QUANTILES = 16


def check(query: Query) -> None:
    """Raises ``QueryError`` for what has no meaning, or none that we know."""
    _Check(query.text).query(query)


class _Check:
    def __init__(self, text: str) -> None:
        self._text = text

    def query(self, query: Query) -> None:
        nodes = list(walk(query))
        if len(nodes) > _MAX_NODES:
            raise self._error(0, f"a query has at most {_MAX_NODES} parts, and this has {len(nodes)}")
        if sum(isinstance(node, Group) for node in nodes) > _MAX_GROUPS:
            raise self._error(0, f"a query has at most {_MAX_GROUPS} by()")
        self._pipeline(query.pipeline)
        if query.metric is not None:
            self._metric(query.metric)

    def _metric(self, metric: Metric) -> None:
        if len(metric.by) > _MAX_GROUPS:
            raise self._error(metric.by[_MAX_GROUPS].at, f"series have at most {_MAX_GROUPS} labels")
        if len(metric.quantiles) > _MAX_QUANTILES:
            raise self._error(metric.at, f"at most {_MAX_QUANTILES} quantiles can be asked for")
        if metric.field is not None and self._type(metric.field.field) not in ("number", "attribute"):
            raise self._error(metric.field.at, "only a number can be measured")
        for named in metric.by:
            self._type(named.field)

    def _pipeline(self, pipeline: Pipeline) -> None:
        if len(pipeline.stages) > _MAX_STAGES:
            raise self._error(pipeline.at, f"a pipeline has at most {_MAX_STAGES} stages")
        for stage in pipeline.stages:
            self._stage(stage)

    def _stage(self, stage: Stage) -> None:
        if isinstance(stage, Pipeline):
            self._pipeline(stage)
        elif isinstance(stage, Combination):
            self._operand(stage.left)
            self._operand(stage.right)
        elif isinstance(stage, Filter) and stage.condition is not None:
            self._condition(stage.condition)
        elif isinstance(stage, Group):
            self._value(stage.value)
        elif isinstance(stage, Scalar):
            self._aggregate(stage.aggregate)

    def _operand(self, stage: Stage) -> None:
        """An operand is one set of spans for each trace."""
        self._stage(stage)
        if not isinstance(stage, Pipeline):
            return
        is_split = False
        for inner in stage.stages:
            is_split = isinstance(inner, Group) or (is_split and not isinstance(inner, Coalesce))
        if is_split:
            raise self._error(stage.at, "sets that by() made cannot be combined; `| coalesce()` makes them one")

    def _aggregate(self, aggregate: Aggregate) -> None:
        if aggregate.value is None:
            return
        if self._value(aggregate.value) not in ("number", "attribute"):
            raise self._error(aggregate.value.at, f"`{aggregate.op}` takes a number")
        if not any(isinstance(node, Attribute | Intrinsic) for node in walk(aggregate.value)):
            raise self._error(aggregate.value.at, f"`{aggregate.op}` takes something of the span")

    def _condition(self, node: Expression) -> None:
        if isinstance(node, Logic):
            for operand in node.operands:
                self._condition(operand)
        elif isinstance(node, Not):
            self._condition(node.operand)
        elif isinstance(node, Comparison):
            self._comparison(node)
        elif self._value(node) not in ("boolean", "attribute"):
            raise self._error(node.at, "a condition is true or false; compare this with something")

    def _comparison(self, node: Comparison) -> None:
        left, right = self._operand_type(node.left), self._operand_type(node.right)
        if "nil" in (left, right):
            self._existence(node)
            return
        if node.op in _REGULAR:
            self._regular(node, left)
            return
        types = {left, right} - {"attribute"}
        if "attribute" in (left, right) and types & {"status", "kind"}:
            raise self._error(node.at, f"an attribute is no {next(iter(types))}; write its value in quotes")
        if len(types) > 1:
            raise self._error(node.at, f"{_named(left)} cannot be compared with {_named(right)}")
        if node.op not in _EQUAL and types & {"boolean", "status", "kind"}:
            raise self._error(node.at, f"{_named(next(iter(types)))} can only be compared with `=` and `!=`")
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, Intrinsic) and side.name == "nestedSetParent":
                self._root(node, other, is_left=side is node.left)

    def _operand_type(self, node: Expression) -> Type:
        if isinstance(node, Logic | Not | Comparison | Element):
            raise self._error(node.at, "the outcome of a comparison cannot be compared again; use `&&` and `||`")
        if isinstance(node, Intrinsic) and node.name == "nestedSetParent":
            return "number"
        return "nil" if isinstance(node, Literal) and node.type == "nil" else self._value(node)

    def _existence(self, node: Comparison) -> None:
        field = node.right if isinstance(node.left, Literal) else node.left
        if node.op in _EQUAL and isinstance(node.left, Literal) and isinstance(node.right, Literal):
            return
        if node.op not in _EQUAL or not isinstance(field, Attribute | Intrinsic):
            raise self._error(node.at, "only a field is compared with `nil`, by `=` or `!=`")
        if isinstance(field, Intrinsic) and field.name == "nestedSetParent":
            raise self._error(field.at, "only `nestedSetParent < 0`, which is a root, is understood")

    def _regular(self, node: Comparison, left: Type) -> None:
        if left not in ("text", "attribute") or not (isinstance(node.right, Literal) and node.right.type == "text"):
            raise self._error(node.at, f"`{node.op}` compares text with a regular expression in quotes")
        try:
            to_postgres(str(node.right.value))
        except RegexError as exc:
            raise self._error(node.right.at, f"the regular expression {exc}") from exc

    def _root(self, node: Comparison, other: Expression, *, is_left: bool) -> None:
        bound = other.value if isinstance(other, Literal) else None
        if not is_left or (node.op, bound) not in _ROOTS:
            raise self._error(node.at, "only `nestedSetParent < 0`, which is a root, is understood")

    def _value(self, node: Expression) -> Type:
        if isinstance(node, Arithmetic):
            if sum(isinstance(part, Arithmetic) and part.op == "/" for part in walk(node)) > _MAX_DIVISIONS:
                raise self._error(node.at, f"at most {_MAX_DIVISIONS} divisions can stand in one expression")
            self._number(node.left)
            self._number(node.right)
            return "number"
        if isinstance(node, Negative):
            self._number(node.operand)
            return "number"
        if isinstance(node, Logic | Not | Comparison | Element):
            raise self._error(node.at, "a condition is no value here")
        return self._type(node)

    def _type(self, node: Literal | Attribute | Intrinsic) -> Type:
        if isinstance(node, Literal):
            if node.type == "nil":
                raise self._error(node.at, "`nil` can only be compared, by `=` or `!=`")
            return node.type
        if isinstance(node, Attribute):
            return "attribute"
        if node.name == "nestedSetParent":
            raise self._error(node.at, "only `nestedSetParent < 0`, which is a root, is understood")
        return TYPES[node.name]

    def _number(self, node: Expression) -> None:
        if self._value(node) not in ("number", "attribute"):
            raise self._error(node.at, "arithmetic takes numbers")

    def _error(self, at: int, reason: str) -> QueryError:
        return QueryError(self._text, at=at, reason=reason)


def _named(type_: Type) -> str:
    return {"text": "text", "attribute": "an attribute", "boolean": "a boolean"}.get(type_, f"a {type_}")
