"""The tree of a TraceQL query. ``at`` is where a part begins in the text, for what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal as Choice
from typing import TypeAlias

import msgspec

Scope: TypeAlias = Choice["", "span", "resource", "event", "link", "instrumentation"]
Type: TypeAlias = Choice["attribute", "text", "number", "boolean", "status", "kind", "nil"]


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the tree."""

    at: int = 0


class Literal(_Node, frozen=True, kw_only=True):
    """A value that the query gives: durations in nanoseconds, status and kind as OTLP's numbers.

    ``is_whole`` tells integers from doubles and durations, which divide without a remainder.
    """

    type: Type
    value: str | int | float | bool | None
    is_whole: bool = False


class Attribute(_Node, frozen=True, kw_only=True):
    """An attribute; without a scope, that of the span, else of its resource."""

    scope: Scope
    name: str


class Intrinsic(_Node, frozen=True, kw_only=True):
    """What every span has, under its name with a scope, such as ``span:name``."""

    name: str


class Arithmetic(_Node, frozen=True, kw_only=True):
    """``left op right``: one of ``+ - * / %``."""

    op: str
    left: Expression
    right: Expression


class Negative(_Node, frozen=True, kw_only=True):
    """``-operand``."""

    operand: Expression


class Not(_Node, frozen=True, kw_only=True):
    """``!operand``."""

    operand: Expression


class Comparison(_Node, frozen=True, kw_only=True):
    """``left op right``: one of ``= != < <= > >= =~ !~``. Existence is ``!= nil``."""

    op: str
    left: Expression
    right: Expression


class Logic(_Node, frozen=True, kw_only=True):
    """Operands that all hold, or any of which holds."""

    op: Choice["&&", "||"]
    operands: tuple[Expression, ...]


Field: TypeAlias = Attribute | Intrinsic
Expression: TypeAlias = Literal | Attribute | Intrinsic | Arithmetic | Negative | Not | Comparison | Logic


class Filter(_Node, frozen=True, kw_only=True):
    """``{ condition }``; without a condition, every span."""

    condition: Expression | None = None


class Combination(_Node, frozen=True, kw_only=True):
    """``left op right`` of sets of spans: ``&&``, ``||`` or a structural operator."""

    op: str
    left: Stage
    right: Stage


class Aggregate(_Node, frozen=True, kw_only=True):
    """``op(value)`` over a set of spans, under the words of the query."""

    op: str
    label: str
    value: Expression | None = None


class Scalar(_Node, frozen=True, kw_only=True):
    """Keeps sets of spans by an aggregate."""

    aggregate: Aggregate
    op: str
    bound: int | float


class Group(_Node, frozen=True, kw_only=True):
    """Splits sets of spans by a value, under the words of the query."""

    label: str
    value: Expression


class Coalesce(_Node, frozen=True, kw_only=True):
    """Makes one set of those of a trace."""


class Named(_Node, frozen=True, kw_only=True):
    """A field under the words of the query."""

    label: str
    field: Field


class Select(_Node, frozen=True, kw_only=True):
    """Fields that matched spans are shown with."""

    fields: tuple[Named, ...]


class Pipeline(_Node, frozen=True, kw_only=True):
    """Stages, each over the sets of spans that the one before left."""

    stages: tuple[Stage, ...]


class Metric(_Node, frozen=True, kw_only=True):
    """A function over time. ``field`` is what it measures, if it measures anything but spans."""

    function: str
    field: Named | None = None
    quantiles: tuple[float, ...] = ()
    by: tuple[Named, ...] = ()


Stage: TypeAlias = Filter | Combination | Scalar | Group | Coalesce | Select | Pipeline


class Query(_Node, frozen=True, kw_only=True):
    """A whole query; with a metric it asks for series, else for traces."""

    text: str
    pipeline: Pipeline
    metric: Metric | None = None


def parts(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """The nodes directly below a node."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, msgspec.Struct):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, msgspec.Struct))


def walk(node: msgspec.Struct) -> Iterator[msgspec.Struct]:
    """A node and all below it, from the top."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += reversed(list(parts(current)))
