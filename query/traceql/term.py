"""Terms that a span has on which a condition holds, so that an index finds candidates: see ADR 0015."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite

from query.traceql.syntax import Attribute, Comparison, Expression, Intrinsic, Literal, Logic
from tracedata import StatusCode, Value
from tracedata.printed import printed
from tracedata.term import FAILED, duration_traits, name_term, term, trait_terms

Groups = list[Sequence[int]]
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def terms_of(node: Expression | None) -> Groups:
    """Groups of terms: wherever the condition holds, the span has one of each. None when nothing can be said."""
    if isinstance(node, Logic):
        operands = [terms_of(operand) for operand in node.operands]
        if node.op == "&&":
            return [group for groups in operands for group in groups]
        # One group of each will do, since one of the operands holds.
        return [[one for groups in operands for one in groups[0]]] if all(operands) else []
    if isinstance(node, Attribute):
        return [[term(node.name, "true")]]
    if isinstance(node, Comparison) and node.op in _MIRRORED:
        return _of_comparison(node.op, node.left, node.right) or _of_comparison(
            _MIRRORED[node.op], node.right, node.left
        )
    return []


def _of_comparison(op: str, field: Expression, literal: Expression) -> Groups:
    if not isinstance(field, Intrinsic | Attribute) or not isinstance(literal, Literal):
        return []
    if isinstance(field, Intrinsic) and field.name == "span:duration":
        return _of_duration(op, literal)
    return _of_equality(field, literal) if op == "=" else []


def _of_duration(op: str, literal: Literal) -> Groups:
    value = literal.value
    if literal.type != "number" or not isinstance(value, int | float) or not isfinite(value):
        return []
    # Spans last whole nanoseconds.
    least = floor(value) if op in ("=", ">", ">=") else None
    most = ceil(value) if op in ("=", "<", "<=") else None
    return [trait_terms(duration_traits(least, most))]


def _of_equality(field: Intrinsic | Attribute, literal: Literal) -> Groups:
    if isinstance(field, Intrinsic):
        return _of_intrinsic(field.name, literal.value)
    if literal.type not in ("text", "number", "boolean"):
        return []
    # As a number, minus zero is zero, and only zero is found by it.
    value = 0 if literal.value == 0 and not isinstance(literal.value, bool) else literal.value
    return [[term(field.name, printed(value))]]


def _of_intrinsic(name: str, value: Value) -> Groups:
    if name == "span:name" and isinstance(value, str):
        return [[name_term(value)]]
    if name == "span:status" and value == StatusCode.ERROR:
        return [trait_terms([FAILED])]
    return []
