"""Literals of a filter, which come as text: what they say depends on what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from query.duration import parse_duration
from query.expression.field import Kind
from query.moment import parse_instant_ns
from query.traceql.syntax import Literal
from query.traceql.word import MAX_INT, MIN_INT
from tracedata import CallerError, SpanKind, StatusCode
from tracedata.printed import readings

TYPES = ("string", "int", "double", "bool")
_KINDS = {kind.name.lower(): int(kind) for kind in SpanKind}
_STATUSES = {code.name.lower(): int(code) for code in StatusCode}
_MAX_CHARS = 8_192


def read_literals(text: str, type_: str, kind: Kind) -> Sequence[Literal]:
    """Every value that the literal stands for beside something of a kind; one, unless neither side has a type.

    Raises:
        CallerError: it is none of that kind, or of the type that it says.
    """
    if len(text) > _MAX_CHARS or "\0" in text:
        raise CallerError(f"filter: a literal has at most {_MAX_CHARS} characters, none of which is NUL")
    if type_ not in ("", *TYPES):
        raise CallerError(f"filter: the type of a literal is one of {', '.join(TYPES)}, or left out")
    if kind == "attribute":
        return _typed(text, type_) if type_ else _untyped(text)
    if kind in ("duration", "time"):
        return [Literal(type="number", value=_nanoseconds(text, kind))]
    if type_ not in ("", "string"):
        raise CallerError(f"filter: a {kind} is compared with a string")
    if kind == "kind":
        return [Literal(type="kind", value=_word(text, _KINDS, "kind"))]
    if kind == "status":
        return [Literal(type="status", value=_word(text, _STATUSES, "status"))]
    return [Literal(type="text", value=text.lower() if kind == "id" else text)]


def words(kind: Kind) -> Sequence[str]:
    """The words of which a field is one; none when it can be anything."""
    return list({"kind": _KINDS, "status": _STATUSES}.get(kind, {}))


def _typed(text: str, type_: str) -> Sequence[Literal]:
    if type_ == "string":
        return [Literal(type="text", value=text)]
    if type_ == "bool":
        if text not in ("true", "false"):
            raise CallerError("filter: a bool is true or false")
        return [Literal(type="boolean", value=text == "true")]
    try:
        number = int(text) if type_ == "int" else float(text)
    except ValueError as exc:
        raise CallerError(f"filter: this is no {type_}") from exc
    if not MIN_INT <= number <= MAX_INT and type_ == "int":
        raise CallerError("filter: an int has 64 bits")
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN is what differs from itself
        raise CallerError("filter: a double is finite")
    return [Literal(type="number", value=number, is_whole=type_ == "int")]


def _untyped(text: str) -> Sequence[Literal]:
    """As everywhere in Jaeger: whatever prints like this."""
    found = [Literal(type="text", value=text)]
    for value in readings(text):
        if isinstance(value, bool):
            found.append(Literal(type="boolean", value=value))
        elif isinstance(value, int) or (isinstance(value, float) and abs(value) < float("inf")):
            found.append(Literal(type="number", value=value, is_whole=isinstance(value, int)))
    # An integer prints as the double of the same value does, and both are one number to the store.
    numbers = [literal for literal in found if literal.type == "number"]
    return [literal for literal in found if literal.type != "number" or literal is numbers[0]]


def _nanoseconds(text: str, kind: Kind) -> int:
    return parse_duration(text) if kind == "duration" else parse_instant_ns(text)


def _word(text: str, known: dict[str, int], what: str) -> int:
    if text not in known:
        raise CallerError(f"filter: a {what} is one of {', '.join(known)}")
    return known[text]
