"""Terms that a span has on which a condition holds, so that an index finds candidates: see ADR 0015."""

from __future__ import annotations

from collections.abc import Sequence

from query.traceql.syntax import Attribute, Comparison, Expression, Intrinsic, Literal, Logic
from tracedata.printed import printed
from tracedata.term import name_term, term

Groups = list[Sequence[int]]


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
    if isinstance(node, Comparison) and node.op == "=":
        return _of_equality(node.left, node.right) or _of_equality(node.right, node.left)
    return []


def _of_equality(field: Expression, literal: Expression) -> Groups:
    if not isinstance(literal, Literal) or literal.type not in ("text", "number", "boolean"):
        return []
    if isinstance(field, Intrinsic):
        return [[name_term(literal.value)]] if field.name == "span:name" and isinstance(literal.value, str) else []
    if not isinstance(field, Attribute):
        return []
    # As a number, minus zero is zero, and only zero is found by it.
    value = 0 if literal.value == 0 and not isinstance(literal.value, bool) else literal.value
    return [[term(field.name, printed(value))]]
