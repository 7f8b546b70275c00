"""Lark's tree becomes ours: one function for each rule of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Literal as Choice
from typing import TypeAlias, get_args

from lark import Token, Tree

from query.traceql.failure import QueryError
from query.traceql.literal import attribute_name, numeral, string
from query.traceql.syntax import (
    Aggregate,
    Arithmetic,
    Attribute,
    Coalesce,
    Combination,
    Comparison,
    Expression,
    Field,
    Filter,
    Group,
    Intrinsic,
    Literal,
    Logic,
    Metric,
    Named,
    Negative,
    Not,
    Pipeline,
    Query,
    Scalar,
    Scope,
    Select,
    Stage,
)
from query.traceql.word import INTRINSICS, WORDS

_Item: TypeAlias = "Tree[Token] | Token"
_MAX_OPERANDS = 64
_SCOPES: Mapping[str, Scope] = {str(scope): scope for scope in get_args(Scope)}
_ARGUMENTS: Mapping[str, str] = {
    "rate": "nothing",
    "count_over_time": "nothing",
    "quantile_over_time": "one field and quantiles, as in `quantile_over_time(duration, .9, .99)`",
}
_LOGICS: Mapping[str, Choice["&&", "||"]] = {"&&": "&&", "||": "||"}


def read_query(text: str, tree: Tree[Token]) -> Query:
    """The tree of a query, not yet checked."""
    return _Reading(text).query(tree)


class _Reading:
    def __init__(self, text: str) -> None:
        self._text = text
        self._stages: Mapping[str, Callable[[Tree[Token]], Stage]] = {
            "spanset": self._spanset,
            "structural": self._structural,
            "nested": self._nested,
            "filter": self._filter,
            "scalar": self._scalar,
            "by": lambda tree: Group(
                at=_at(tree), label=f"by({self._words(tree.children[0])})", value=self._expression(tree.children[0])
            ),
            "select": lambda tree: Select(at=_at(tree), fields=self._fields(tree)),
            "coalesce": lambda tree: Coalesce(at=_at(tree)),
        }

    def query(self, tree: Tree[Token]) -> Query:
        stages = list(tree.children)
        metric = None
        if _rule(stages[-1]) == "metric":
            metric = self._metric(_tree(stages.pop()))
        return Query(text=self._text, pipeline=self._pipeline(tree, stages), metric=metric)

    def _pipeline(self, tree: Tree[Token], stages: list[_Item]) -> Pipeline:
        for stage in stages:
            if _rule(stage) == "metric":
                raise self._error(stage, "a metric stands at the end of a query, outside of parentheses")
        found = [self._stage(stage) for stage in stages]
        # What goes on after a pipeline in parentheses goes on as if there were none.
        first = found[0].stages if isinstance(found[0], Pipeline) else (found[0],)
        return Pipeline(at=_at(tree), stages=(*first, *found[1:]))

    def _stage(self, item: _Item) -> Stage:
        tree = _tree(item)
        return self._stages[tree.data](tree)

    def _nested(self, tree: Tree[Token]) -> Stage:
        inner = _tree(tree.children[0])
        pipeline = self._pipeline(inner, list(inner.children))
        first = pipeline.stages[0]
        is_plain = len(pipeline.stages) == 1 and isinstance(first, Filter | Combination | Pipeline)
        return first if is_plain else pipeline

    def _spanset(self, tree: Tree[Token]) -> Stage:
        return self._chain(tree)

    def _structural(self, tree: Tree[Token]) -> Stage:
        return self._chain(tree)

    def _chain(self, tree: Tree[Token]) -> Stage:
        """Operators of one level bind from left to right."""
        if len(tree.children) > _MAX_OPERANDS:
            raise self._error(tree, f"at most {_MAX_OPERANDS // 2} sets of spans can be combined")
        left = self._stage(tree.children[0])
        for operator, right in zip(tree.children[1::2], tree.children[2::2], strict=True):
            left = Combination(at=_at(operator), op=str(operator), left=left, right=self._stage(right))
        return left

    def _filter(self, tree: Tree[Token]) -> Filter:
        if not tree.children:
            return Filter(at=_at(tree))
        return Filter(at=_at(tree), condition=self._expression(tree.children[0]))

    def _scalar(self, tree: Tree[Token]) -> Scalar:
        aggregate, operator, *sign, number = tree.children
        value = numeral(str(number))
        if value is None or str(operator) in ("=~", "!~"):
            raise self._error(number if value is None else operator, "an aggregate is compared with a number")
        bound = -value.value if sign else value.value
        return Scalar(at=_at(tree), aggregate=self._aggregate(_tree(aggregate)), op=str(operator), bound=bound)

    def _aggregate(self, tree: Tree[Token]) -> Aggregate:
        function, *values = tree.children
        if (function == "count") == bool(values):
            what = "counts spans, and takes nothing" if values else "takes a number, such as `duration`"
            raise self._error(tree, f"`{function}` {what}")
        label = f"{function}({self._words(values[0]) if values else ''})"
        value = self._expression(values[0]) if values else None
        return Aggregate(at=_at(tree), op=str(function), label=label, value=value)

    def _metric(self, tree: Tree[Token]) -> Metric:
        function, *rest = tree.children
        fields = [item for item in rest if _rule(item) == "field"]
        grouping = [_tree(item) for item in rest if _rule(item) == "grouping"]
        quantiles = tuple(self._quantile(item) for item in rest if isinstance(item, Token))
        has_field = function not in ("rate", "count_over_time")
        if has_field != bool(fields) or (function == "quantile_over_time") != bool(quantiles):
            raise self._error(tree, f"`{function}` takes {_ARGUMENTS.get(str(function), 'one field')}")
        return Metric(
            at=_at(tree),
            function=str(function),
            field=self._named(fields[0]) if fields else None,
            quantiles=quantiles,
            by=self._fields(grouping[0]) if grouping else (),
        )

    def _quantile(self, token: Token) -> float:
        value = numeral(str(token))
        if value is None or value.is_duration or not 0 <= value.value <= 1:
            raise self._error(token, "a quantile lies between 0 and 1")
        return float(value.value)

    def _fields(self, tree: Tree[Token]) -> tuple[Named, ...]:
        if len(tree.children) > _MAX_OPERANDS:
            raise self._error(tree, f"at most {_MAX_OPERANDS} fields can be named")
        return tuple(self._named(item) for item in tree.children)

    def _named(self, item: _Item) -> Named:
        token = _tree(item).children[0]
        return Named(at=_at(item), label=self._words(item), field=self._field(token))

    def _field(self, item: _Item) -> Field:
        assert isinstance(item, Token)  # noqa: S101 - the grammar has nothing else there
        if item.type == "INTRINSIC":
            return Intrinsic(at=_at(item), name=INTRINSICS.get(item, str(item)))
        scope, _, name = item.partition(".")
        found = attribute_name(name)
        if found is None:
            raise self._error(item, r"in the quotes of a name, `\"` and `\\` are the only escapes")
        return Attribute(at=_at(item), scope=_SCOPES[scope], name=found)

    def _expression(self, item: _Item) -> Expression:
        if isinstance(item, Token):
            return self._token(item)
        if item.data == "parenthesis":
            return self._expression(item.children[0])
        if item.data == "negation":
            return Not(at=_at(item), operand=self._expression(item.children[0]))
        if item.data == "signed":
            return self._signed(item)
        if len(item.children) > _MAX_OPERANDS:
            raise self._error(item, f"at most {_MAX_OPERANDS // 2} operands can stand in one chain")
        if item.data == "logic":
            return self._logic(item)
        first, *rest = item.children
        pairs = zip(rest[::2], rest[1::2], strict=True)
        node = Comparison if item.data == "comparison" else Arithmetic
        return reduce(
            lambda left, pair: node(at=_at(pair[0]), op=str(pair[0]), left=left, right=self._expression(pair[1])),
            pairs,
            self._expression(first),
        )

    def _logic(self, tree: Tree[Token]) -> Expression:
        """Both operators bind alike, from left to right, as in Tempo."""
        left = self._expression(tree.children[0])
        for operator, item in zip(tree.children[1::2], tree.children[2::2], strict=True):
            right = self._expression(item)
            op = _LOGICS[str(operator)]
            before = left.operands if isinstance(left, Logic) and left.op == op else (left,)
            left = Logic(at=_at(operator), op=op, operands=(*before, right))
        return left

    def _signed(self, tree: Tree[Token]) -> Expression:
        sign, item = tree.children
        operand = self._expression(item)
        if sign == "+":
            raise self._error(tree, "a sign is `-`")
        if isinstance(operand, Literal) and operand.type == "number" and isinstance(operand.value, int | float):
            return Literal(at=_at(tree), type="number", value=-operand.value, is_whole=operand.is_whole)
        return Negative(at=_at(tree), operand=operand)

    def _token(self, token: Token) -> Expression:
        if token.type == "NUMERAL":
            value = numeral(str(token))
            if value is None:
                raise self._error(token, "this number or duration is out of range")
            return Literal(at=_at(token), type="number", value=value.value, is_whole=value.is_whole)
        if token.type == "STRING":
            text = string(str(token))
            if text is None:
                raise self._error(token, "this string has an escape that is not understood")
            return Literal(at=_at(token), type="text", value=text)
        if token.type == "WORD":
            kind, word = WORDS[token]
            return Literal(at=_at(token), type=kind, value=word, is_whole=kind == "number")
        return self._field(token)

    def _words(self, item: _Item) -> str:
        """What the query says there."""
        if isinstance(item, Token):
            return self._text[item.start_pos : item.end_pos]
        return self._text[item.meta.start_pos : item.meta.end_pos]

    def _error(self, item: _Item, reason: str) -> QueryError:
        return QueryError(self._text, at=_at(item), reason=reason)


def _tree(item: _Item) -> Tree[Token]:
    assert isinstance(item, Tree)  # noqa: S101 - the grammar has nothing else there
    return item


def _rule(item: _Item) -> str:
    return str(item.data) if isinstance(item, Tree) else ""


def _at(item: _Item) -> int:
    if isinstance(item, Token):
        return item.start_pos or 0
    return int(getattr(item.meta, "start_pos", 0))
