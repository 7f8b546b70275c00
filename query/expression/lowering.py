"""A filter becomes the tree of a TraceQL query, which is compiled to SQL by the same passes as text is.

What an operator means follows Jaeger's RFC 0005, section 5.3: a comparison of something absent does not hold, ``ne`` and ``not_in``
ask for something present of which nothing is equal, and only ``not`` turns what does not hold around. Of several values one suffices:
an attribute without a level is that of the span and that of its resource; those of events and links are those of any of them, but
inside ``some``, where they are of the one that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal as Choice

from msgspec.structs import replace

from query.expression.field import NESTED, ORDERED, Field, resolve
from query.expression.literal import read_literals, words
from query.expression.node import (
    AttributeReference,
    Call,
    Expression,
    FieldReference,
    Literals,
    NestedReference,
    Reference,
    Scalar,
    Term,
    term_of,
)
from query.traceql import syntax
from query.traceql.regular import RegexError, to_postgres
from query.traceql.syntax import Attribute, Comparison, Element, Filter, Intrinsic, Literal, Logic, Not, Pipeline, Query
from tracedata import CallerError

MAX_DEPTH = 20
_MAX_NODES = 400
_COMPARISONS: Mapping[str, str] = {"eq": "=", "ne": "!=", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}
_FLIPPED: Mapping[str, str] = {"gt": "lt", "lt": "gt", "gte": "lte", "lte": "gte"}
_ORDERS = frozenset(_FLIPPED)
OPERATORS: Sequence[str] = ("and", "or", "not", *_COMPARISONS, "regex", "exists", "in", "not_in", "some")
_FLAGS = re.compile(r"\(\?[is]+\)")
_NIL = Literal(type="nil", value=None)
_EMPTY = Literal(type="text", value="")
_FALSE = Literal(type="boolean", value=False)


def lower(call: Call) -> Query:
    """The query of a filter.

    Raises:
        CallerError: it is none, or asks for what cannot be answered; the message says what is possible.
    """
    condition = _Lowering().predicate(call, bound=frozenset(), depth=1)
    return Query(text="", pipeline=Pipeline(stages=(Filter(condition=condition),)))


class _Lowering:
    def __init__(self) -> None:
        self._nodes = 0

    def predicate(self, call: Call, *, bound: frozenset[str], depth: int) -> syntax.Expression:
        """``bound`` are the levels of which one element is looked at."""
        # A value of a list is compared as one of a call is.
        self._nodes += 1 + sum(max(1, len(argument.list.values)) if argument.list else 1 for argument in call.args)
        if depth > MAX_DEPTH or self._nodes > _MAX_NODES:
            raise CallerError(
                f"filter: calls are nested at most {MAX_DEPTH} deep, and there are at most {_MAX_NODES} parts"
            )
        if call.op in ("and", "or", "not"):
            return self._logic(call, bound=bound, depth=depth)
        if call.op == "some":
            return self._some(call, bound=bound, depth=depth)
        terms = [term_of(argument) for argument in call.args]
        if call.op == "exists":
            return _exists(_only(call.op, terms), bound=bound)
        if call.op == "regex":
            return _regex(*_pair(call.op, terms), bound=bound)
        if call.op in ("in", "not_in"):
            return _membership(call.op, *_pair(call.op, terms), bound=bound)
        if call.op in _COMPARISONS:
            return _comparison(call.op, *_pair(call.op, terms), bound=bound)
        raise CallerError(f"filter: the operators are {', '.join(OPERATORS)}")

    def _logic(self, call: Call, *, bound: frozenset[str], depth: int) -> syntax.Expression:
        operands = tuple(self._operand(argument, bound=bound, depth=depth) for argument in call.args)
        if call.op == "not":
            if len(operands) != 1:
                raise CallerError("filter: not takes one predicate")
            return Not(operand=operands[0])
        if len(operands) < 2:
            raise CallerError(f"filter: {call.op} takes two predicates or more")
        return Logic(op="&&" if call.op == "and" else "||", operands=operands)

    def _some(self, call: Call, *, bound: frozenset[str], depth: int) -> syntax.Expression:
        if len(call.args) != 2:
            raise CallerError("filter: some takes a collection and a predicate")
        collection = term_of(call.args[0])
        if not isinstance(collection, NestedReference) or collection.level not in NESTED:
            raise CallerError("filter: some takes a nested reference at level event or link first")
        if collection.level in bound:
            raise CallerError(f"filter: some over {collection.level} cannot stand in another one over the same")
        inner = self._operand(call.args[1], bound=bound | {collection.level}, depth=depth)
        return Element(of=NESTED[collection.level], condition=inner)

    def _operand(self, argument: Expression, *, bound: frozenset[str], depth: int) -> syntax.Expression:
        term = term_of(argument)
        if not isinstance(term, Call):
            raise CallerError("filter: and, or, not and some take predicates, which are calls")
        return self.predicate(term, bound=bound, depth=depth + 1)


def _only(op: str, terms: Sequence[Term]) -> Term:
    if len(terms) != 1:
        raise CallerError(f"filter: {op} takes one operand")
    return terms[0]


def _pair(op: str, terms: Sequence[Term]) -> tuple[Term, Term]:
    if len(terms) != 2:
        raise CallerError(f"filter: {op} takes two operands")
    return terms[0], terms[1]


def _reference(op: str, term: Term) -> Reference:
    if not isinstance(term, AttributeReference | FieldReference):
        raise CallerError(f"filter: {op} takes a reference to an attribute or a field first")
    return term


def _exists(term: Term, *, bound: frozenset[str]) -> syntax.Expression:
    return _leaf(_reference("exists", term), bound, _is_present)


def _regex(left: Term, right: Term, *, bound: frozenset[str]) -> syntax.Expression:
    reference = _reference("regex", left)
    if not isinstance(right, Scalar) or right.type not in ("", "string"):
        raise CallerError("filter: regex takes a reference and a string")
    pattern = Literal(type="text", value=_anywhere(right.value))
    return _leaf(reference, bound, lambda field: _matches(field, pattern, right.value))


def _membership(op: str, left: Term, right: Term, *, bound: frozenset[str]) -> syntax.Expression:
    reference = _reference(op, left)
    if not isinstance(right, Literals):
        raise CallerError(f"filter: {op} takes a reference and a list")
    if op == "in":
        return _leaf(reference, bound, lambda field: _any_equal(field, right.values, right.type))
    return _other(reference, bound, lambda field: _any_equal(field, right.values, right.type))


def _comparison(op: str, left: Term, right: Term, *, bound: frozenset[str]) -> syntax.Expression:
    if isinstance(left, Scalar):
        left, op, right = right, _FLIPPED.get(op, op), left
    reference = _reference(op, left)
    if isinstance(right, AttributeReference | FieldReference):
        return _between(op, reference, right, bound=bound)
    if not isinstance(right, Scalar):
        raise CallerError(f"filter: {op} takes references and scalars")
    if op == "ne":
        return _other(reference, bound, lambda field: _any_equal(field, [right.value], right.type))
    return _leaf(reference, bound, lambda field: _compared(field, op, right))


def _between(op: str, left: Reference, right: Reference, *, bound: frozenset[str]) -> syntax.Expression:
    """Two things of the same span; events and links are then of those that a ``some`` is about."""
    for reference in (left, right):
        if reference.level in NESTED and reference.level not in bound:
            raise CallerError(f"filter: two references are compared at level {reference.level} inside some only")
    first, second = (resolve(reference, is_bound=reference.level in bound) for reference in (left, right))
    if first.kind != second.kind and "attribute" not in (first.kind, second.kind):
        raise CallerError(f"filter: a {first.kind} cannot be compared with a {second.kind}")
    if op in _ORDERS and not {first.kind, second.kind} <= ORDERED:
        raise CallerError("filter: kind and status have no order")
    if {first.kind, second.kind} & {"kind", "status", "duration", "time"} and "attribute" in (first.kind, second.kind):
        raise CallerError("filter: an attribute is compared with text, ids and attributes")
    return Comparison(op=_COMPARISONS[op], left=first.value, right=second.value)


def _leaf(
    reference: Reference, bound: frozenset[str], condition: Callable[[Field], syntax.Expression]
) -> syntax.Expression:
    """The condition on any of what a reference names."""
    if reference.level in NESTED:
        of: Choice["event", "link"] = NESTED[reference.level]
        if reference.level in bound:
            return condition(resolve(reference, is_bound=True))
        if isinstance(reference, FieldReference):
            return Element(of=of, condition=condition(resolve(reference, is_bound=False)))
    field = resolve(reference, is_bound=False)
    value = field.value
    if isinstance(value, Attribute) and value.scope == "":
        return _any([condition(field._replace(value=replace(value, scope=scope))) for scope in ("span", "resource")])
    return condition(field)


def _other(
    reference: Reference, bound: frozenset[str], condition: Callable[[Field], syntax.Expression]
) -> syntax.Expression:
    """Something is there, and the condition holds of none of it."""
    present = _leaf(reference, bound, _is_present)
    return Logic(op="&&", operands=(present, Not(operand=_leaf(reference, bound, condition))))


def _is_present(field: Field) -> syntax.Expression:
    """Empty text is absent, as it is on the wire."""
    can_be_empty = field.kind in ("text", "id") and isinstance(field.value, Intrinsic)
    return Comparison(op="!=", left=field.value, right=_EMPTY if can_be_empty else _NIL)


def _compared(field: Field, op: str, scalar: Scalar) -> syntax.Expression:
    if op in _ORDERS and field.kind not in ORDERED:
        raise CallerError(f"filter: a {field.kind} has no order")
    literals = read_literals(scalar.value, scalar.type, field.kind)
    if op == "eq":
        return _equal(field, literals)
    return _any([_ordered(field, op, literal) for literal in _orderable(literals)])


def _orderable(literals: Sequence[Literal]) -> Sequence[Literal]:
    """A number is compared with numbers, anything else with text."""
    numbers = [literal for literal in literals if literal.type == "number"]
    found = numbers or [literal for literal in literals if literal.type == "text"]
    if not found:
        raise CallerError("filter: a bool has no order")
    return found


def _ordered(field: Field, op: str, literal: Literal) -> syntax.Expression:
    holds = Comparison(op=_COMPARISONS[op], left=field.value, right=literal)
    if literal.type != "text" or field.kind == "attribute":
        return holds
    return Logic(op="&&", operands=(_is_present(field), holds))


def _any_equal(field: Field, values: Sequence[str], type_: str) -> syntax.Expression:
    return _any([_equal(field, read_literals(value, type_, field.kind)) for value in values])


def _equal(field: Field, literals: Sequence[Literal]) -> syntax.Expression:
    return _any([Comparison(op="=", left=field.value, right=literal) for literal in literals])


def _matches(field: Field, pattern: Literal, text: str) -> syntax.Expression:
    if field.kind in ("kind", "status"):
        found = [word for word in words(field.kind) if _is_found(text, word)]
        return _any([_equal(field, read_literals(word, "", field.kind)) for word in found])
    if field.kind not in ("text", "attribute"):
        raise CallerError(f"filter: regex is for text, and this is a {field.kind}")
    return Comparison(op="=~", left=field.value, right=pattern)


def _is_found(pattern: str, word: str) -> bool:
    try:
        return re.search(pattern, word) is not None
    except re.error as exc:
        raise CallerError(f"filter: the regular expression is none that a word can be compared with: {exc}") from exc


def _anywhere(text: str) -> str:
    """The expression for the whole of a text that has a match somewhere."""
    flags = _FLAGS.match(text)
    body = text[flags.end() :] if flags else text
    pattern = f"{flags[0] if flags else ''}.*(?:{body}).*"
    try:
        to_postgres(text)
        to_postgres(pattern)
    except RegexError as exc:
        raise CallerError(f"filter: the regular expression {exc}") from exc
    return pattern


def _any(conditions: Sequence[syntax.Expression]) -> syntax.Expression:
    if not conditions:
        return _FALSE
    return conditions[0] if len(conditions) == 1 else Logic(op="||", operands=tuple(conditions))
