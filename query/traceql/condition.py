"""Conditions of a filter in SQL. They hold or they do not: what cannot be compared does not hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from query.traceql.attribute import attribute_exists, compare, compare_attribute
from query.traceql.regular import to_postgres
from query.traceql.sql import FALSE, Binder, all_of, any_of, sql
from query.traceql.syntax import Attribute, Comparison, Expression, Intrinsic, Literal, Logic, Not
from query.traceql.value import Value, as_number, as_text, compile_value

_FLIPPED: Mapping[str, str] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPERATORS: Mapping[str, str] = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ORDERS = frozenset(_FLIPPED)
_IDS: Mapping[str, tuple[str, int]] = {
    "trace:id": ("s.trace_id", 16),
    "span:id": ("s.span_id", 8),
    "span:parentID": ("s.parent_span_id", 8),
}
_HEX = re.compile(r"[0-9a-fA-F]+")
_COMPARABLE = (
    "jsonb_typeof(%(left)s) = jsonb_typeof(%(right)s) AND jsonb_typeof(%(left)s) IN ('string', 'number', 'boolean')"
)


def compile_condition(node: Expression, binder: Binder) -> exp.Expr:
    """A checked condition over the span ``s`` and, where it asks for one, its trace ``t``."""
    if isinstance(node, Logic):
        operands = [compile_condition(operand, binder) for operand in node.operands]
        return all_of(operands) if node.op == "&&" else any_of(operands)
    if isinstance(node, Not):
        return _negated(node.operand, binder)
    if isinstance(node, Comparison):
        return _comparison(node, binder)
    if isinstance(node, Attribute):
        return compare_attribute(node, "=", Literal(type="boolean", value=True), binder)
    return compile_value(node, binder).tree


def _negated(node: Expression, binder: Binder) -> exp.Expr:
    if isinstance(node, Attribute):
        return compare_attribute(node, "=", Literal(type="boolean", value=False), binder)
    # Not NOT: what is not comparable is NULL, and the opposite of something that does not hold.
    return sql("%(condition)s IS NOT TRUE", condition=compile_condition(node, binder))


def _comparison(node: Comparison, binder: Binder) -> exp.Expr:
    left, op, right = node.left, node.op, node.right
    if isinstance(left, Literal) and not isinstance(right, Literal):
        left, op, right = right, _FLIPPED.get(op, op), left
    if isinstance(right, Literal):
        return _with_literal(left, op, right, binder)
    return _between(compile_value(left, binder), op, compile_value(right, binder))


def _with_literal(left: Expression, op: str, right: Literal, binder: Binder) -> exp.Expr:
    if right.type == "nil":
        return _existence(left, op, binder)
    if isinstance(left, Attribute):
        return compare_attribute(left, op, right, binder)
    if isinstance(left, Intrinsic):
        if left.name == "nestedSetParent":
            is_root = op == "<" or (op in ("=", "<=") and right.value == -1)
            return sql("s.parent_span_id IS NULL" if is_root else "s.parent_span_id IS NOT NULL")
        if left.name in _IDS and op in ("=", "!="):
            return _identity(left.name, op, str(right.value), binder)
    value = compile_value(left, binder)
    if value.type == "attribute":
        return compare(value.tree, op, right, binder)
    if op in ("=~", "!~"):
        pattern = binder.bind(to_postgres(str(right.value)), "text")
        matches = sql("%(value)s ~ %(pattern)s", value=value.tree, pattern=pattern)
        return matches if op == "=~" else sql("NOT %(matches)s", matches=matches)
    return _between(value, op, compile_value(right, binder))


def _existence(field: Expression, op: str, binder: Binder) -> exp.Expr:
    if isinstance(field, Attribute):
        exists = attribute_exists(field, binder)
    elif isinstance(field, Literal):
        # ``nil = nil`` and ``nil != nil`` never hold in Tempo.
        return FALSE
    else:
        exists = sql("%(value)s IS NOT NULL", value=compile_value(field, binder).tree)
    return exists if op == "!=" else sql("%(exists)s IS NOT TRUE", exists=exists)


def _identity(name: str, op: str, text: str, binder: Binder) -> exp.Expr:
    """An id in hex of any case; leading zeros need not be given. Compared as bytes, which an index has."""
    column, length = _IDS[name]
    is_id = _HEX.fullmatch(text) is not None and len(text) <= length * 2
    if not is_id:
        return FALSE if op == "=" else sql("%(column)s IS NOT NULL", column=sql(column))
    wanted = binder.bind(bytes.fromhex(text.rjust(length * 2, "0")), "bytea")
    return sql(f"%(column)s {_OPERATORS[op]} %(wanted)s", column=sql(column), wanted=wanted)


def _between(left: Value, op: str, right: Value) -> exp.Expr:
    """Two values, neither of which need be known now. Arrays are not compared with what is no literal."""
    types = {left.type, right.type}
    if types == {"attribute"}:
        return _between_attributes(left, op, right)
    if "number" in types:
        return _operation(as_number(left).tree, op, as_number(right).tree)
    if "text" in types:
        texts = [as_text(side.tree) if side.type == "attribute" else side.tree for side in (left, right)]
        return _text_operation(texts[0], op, texts[1])
    if "attribute" in types:
        trees = [
            side.tree if side.type == "attribute" else sql("to_jsonb(%(value)s)", value=side.tree)
            for side in (left, right)
        ]
        return sql(f"{_COMPARABLE} AND %(left)s {_OPERATORS[op]} %(right)s", left=trees[0], right=trees[1])
    return _operation(left.tree, op, right.tree)


def _between_attributes(left: Value, op: str, right: Value) -> exp.Expr:
    if op not in _ORDERS:
        template = f"{_COMPARABLE} AND %(left)s {_OPERATORS[op]} %(right)s"
        return sql(template, left=left.tree, right=right.tree)
    numbers = _operation(as_number(left).tree, op, as_number(right).tree)
    return exp.or_(numbers, _text_operation(as_text(left.tree), op, as_text(right.tree)))


def _operation(left: exp.Expr, op: str, right: exp.Expr) -> exp.Expr:
    return sql(f"%(left)s {_OPERATORS[op]} %(right)s", left=left, right=right)


def _text_operation(left: exp.Expr, op: str, right: exp.Expr) -> exp.Expr:
    if op not in _ORDERS:
        return _operation(left, op, right)
    # Text is ordered by its characters, not by a language.
    return sql(f'(%(left)s COLLATE "C") {_OPERATORS[op]} (%(right)s COLLATE "C")', left=left, right=right)
