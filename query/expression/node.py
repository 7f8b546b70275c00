"""A filter as it comes: the messages of ``proto/jaeger/expression/v1``, and the same as JSON.

Source: Jaeger's RFC 0005, section 6. Names and defaults are those of proto3's JSON, so one type reads both.
"""

from __future__ import annotations

import msgspec

from tracedata import CallerError


class AttributeReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attribute; without a level, that of the span or of its resource."""

    key: str = ""
    level: str = ""


class FieldReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field that OTLP has of its own."""

    name: str = ""
    level: str = ""


class NestedReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All events or all links of a span."""

    level: str = ""


class Scalar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A literal. Without a type it is whatever it meets."""

    value: str = ""
    type: str = ""


class Literals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several literals of one type."""

    values: tuple[str, ...] = ()
    type: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator and what it is applied to."""

    op: str = ""
    args: tuple[Expression, ...] = ()


class Expression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of these."""

    attr: AttributeReference | None = None
    field: FieldReference | None = None
    nested: NestedReference | None = None
    scalar: Scalar | None = None
    list: Literals | None = None
    call: Call | None = None


Reference = AttributeReference | FieldReference
Term = AttributeReference | FieldReference | NestedReference | Scalar | Literals | Call


def decode_call(text: str | bytes) -> Call:
    """A filter in JSON.

    Raises:
        CallerError: it is none; the message says why.
    """
    try:
        return msgspec.json.decode(text, type=Call)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as exc:
        raise CallerError(str(exc)) from exc


def convert_call(document: object) -> Call:
    """A filter from plain dictionaries and lists.

    Raises:
        CallerError: it is none.
    """
    try:
        return msgspec.convert(document, Call)
    except (msgspec.ValidationError, RecursionError) as exc:
        raise CallerError(f"malformed filter: {exc}") from exc


def term_of(expression: Expression) -> Term:
    """The one thing that an expression is.

    Raises:
        CallerError: it is nothing, or several things.
    """
    given: list[Term] = [
        term
        for term in (
            expression.attr,
            expression.field,
            expression.nested,
            expression.scalar,
            expression.list,
            expression.call,
        )
        if term is not None
    ]
    if len(given) != 1:
        raise CallerError("filter: an expression is one of attr, field, nested, scalar, list and call")
    return given[0]
