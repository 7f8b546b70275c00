"""Values of a query in SQL, with their types: intrinsics, attributes, literals, and arithmetic over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from sqlglot import exp

from query.traceql.attribute import attribute_value, list_values
from query.traceql.sql import FALSE, TRUE, Binder, all_of, sql
from query.traceql.syntax import Arithmetic, Attribute, Expression, Intrinsic, Literal, Negative, Type
from query.traceql.word import TYPES


class Value(NamedTuple):
    """A value: jsonb when its type is ``attribute``, numeric when it is a number.

    ``is_whole`` says of a number whether it is an integer, which divides without a remainder, as in Go.
    """

    type: Type
    tree: exp.Expr
    is_whole: exp.Expr = FALSE


_NUMERIC = "numeric"
_LITERALS: Mapping[Type, str] = {
    "text": "text",
    "number": _NUMERIC,
    "boolean": "boolean",
    "status": "smallint",
    "kind": "smallint",
}
# Spans of a trace are looked for within a day of the window, so that few partitions are opened.
_CHILDREN = (
    "(SELECT count(*) FROM relayscope.spans AS k WHERE k.workspace_id = %(workspace_id)s "
    "AND k.trace_id = s.trace_id AND k.parent_span_id = s.span_id "
    "AND k.start_time >= %(near_start)s AND k.start_time <= %(near_end)s)::numeric"
)
_OF_SCOPE = (
    "(SELECT {column} FROM relayscope.scopes AS c WHERE c.workspace_id = %(workspace_id)s AND c.scope_id = s.scope_id)"
)
_INTRINSICS: Mapping[str, str] = {
    "span:name": "s.name",
    "span:duration": "s.duration_ns::numeric",
    "span:status": "s.status_code",
    "span:statusMessage": "COALESCE(s.status_message, '')",
    "span:kind": "s.kind",
    "span:id": "encode(s.span_id, 'hex')",
    "span:parentID": "encode(s.parent_span_id, 'hex')",
    "span:childCount": _CHILDREN,
    "trace:id": "encode(s.trace_id, 'hex')",
    "trace:duration": "t.duration_ns",
    "trace:rootName": "t.root_name",
    "trace:rootService": "t.root_service",
    "instrumentation:name": _OF_SCOPE.format(column="c.name"),
    "instrumentation:version": _OF_SCOPE.format(column="c.version"),
}
_LISTS: Mapping[str, tuple[str, str]] = {
    "event:name": ("s.events", "name"),
    "link:traceID": ("s.links", "traceId"),
    "link:spanID": ("s.links", "spanId"),
}
# Numeric, so that integers stay exact and nothing overflows.
_OPERATORS: Mapping[str, str] = {
    "+": "%(left)s + %(right)s",
    "-": "%(left)s - %(right)s",
    "*": "%(left)s * %(right)s",
    "/": "%(left)s / NULLIF(%(right)s, 0)",
}


def compile_value(node: Expression, binder: Binder) -> Value:
    """The value of a checked expression that is no condition."""
    if isinstance(node, Literal):
        # As it is written: PostgreSQL keeps 15 digits only when a double becomes numeric.
        value = Decimal(repr(node.value)) if isinstance(node.value, float) else node.value
        return Value(node.type, binder.bind(value, _LITERALS[node.type]), TRUE if node.is_whole else FALSE)
    if isinstance(node, Attribute):
        return Value("attribute", attribute_value(node, binder))
    if isinstance(node, Intrinsic):
        return _intrinsic(node.name, binder)
    if isinstance(node, Negative):
        operand = compile_number(node.operand, binder)
        return Value("number", sql("-%(operand)s", operand=operand.tree), operand.is_whole)
    if isinstance(node, Arithmetic):
        return _arithmetic(node, binder)
    raise AssertionError("a condition is no value, which is checked before")


def compile_number(node: Expression, binder: Binder) -> Value:
    """The same as a number; NULL when the value is none."""
    return as_number(compile_value(node, binder))


def as_number(value: Value) -> Value:
    """An attribute as numeric; NULL when it is none, arrays included."""
    if value.type != "attribute":
        return value
    number = sql("CASE WHEN jsonb_typeof(%(value)s) = 'number' THEN %(value)s::numeric END", value=value.tree)
    return Value("number", number, sql("scale(%(number)s) = 0", number=number))


def as_text(tree: exp.Expr) -> exp.Expr:
    """An attribute as text; NULL when it is none."""
    return sql("CASE WHEN jsonb_typeof(%(value)s) = 'string' THEN %(value)s #>> '{}' END", value=tree)


_SHOWN: Mapping[Type, Callable[[exp.Expr], exp.Expr]] = {
    "attribute": lambda tree: tree,
    "status": lambda tree: sql(
        "CASE %(code)s WHEN 0 THEN '\"unset\"'::jsonb WHEN 1 THEN '\"ok\"'::jsonb WHEN 2 THEN '\"error\"'::jsonb "
        "ELSE to_jsonb(%(code)s) END",
        code=tree,
    ),
    "kind": lambda tree: sql(
        "CASE %(code)s WHEN 0 THEN '\"unspecified\"'::jsonb WHEN 1 THEN '\"internal\"'::jsonb "
        "WHEN 2 THEN '\"server\"'::jsonb WHEN 3 THEN '\"client\"'::jsonb WHEN 4 THEN '\"producer\"'::jsonb "
        "WHEN 5 THEN '\"consumer\"'::jsonb ELSE to_jsonb(%(code)s) END",
        code=tree,
    ),
}


def shown(value: Value) -> exp.Expr:
    """The value as jsonb, the way it is answered and grouped by; NULL when there is none."""
    make = _SHOWN.get(value.type)
    return make(value.tree) if make else sql("to_jsonb(%(value)s)", value=value.tree)


def _intrinsic(name: str, binder: Binder) -> Value:
    if name in _LISTS:
        column, member = _LISTS[name]
        return Value("attribute", list_values(column, (member,), binder))
    return Value(TYPES[name], sql(_INTRINSICS[name]), TRUE if name == "span:childCount" else FALSE)


def _arithmetic(node: Arithmetic, binder: Binder) -> Value:
    left, right = compile_number(node.left, binder), compile_number(node.right, binder)
    if node.op == "%":
        divisor = sql("NULLIF(%(right)s, 0)", right=right.tree)
        # Not the operator, whose sign would begin a placeholder, and which sqlglot makes of ``mod``.
        return Value(
            "number", exp.Anonymous(this="mod", expressions=[left.tree, divisor]), _both(left.is_whole, right.is_whole)
        )
    tree = sql(_OPERATORS[node.op], left=left.tree, right=right.tree)
    is_whole = _both(left.is_whole, right.is_whole)
    if node.op != "/" or is_whole == FALSE:
        return Value("number", tree, is_whole)
    if is_whole != TRUE:
        return Value(
            "number", sql("CASE WHEN %(whole)s THEN trunc(%(q)s) ELSE %(q)s END", whole=is_whole, q=tree), is_whole
        )
    return Value("number", sql("trunc(%(quotient)s)", quotient=tree), is_whole)


def _both(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    if FALSE in (left, right):
        return FALSE
    return all_of([side for side in (left, right) if side != TRUE])
