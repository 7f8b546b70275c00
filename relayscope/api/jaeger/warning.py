"""Warnings of spans, in the attribute in which Jaeger's own components hand them on: a slice of strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from msgspec.structs import replace

from tracedata import Span, Value

WARNINGS = "@jaeger@warnings"


def with_warnings(span: Span, *warnings: str) -> Span:
    """The span with these warnings after those that it has."""
    return replace(span, attributes={**span.attributes, WARNINGS: [*warnings_of(span), *warnings]})


def warnings_of(span: Span) -> Sequence[str]:
    """Those that it has; none when the attribute is something else."""
    carried = span.attributes.get(WARNINGS)
    return carried if are_texts(carried) else ()


def are_texts(value: Value) -> TypeGuard[Sequence[str]]:
    """Whether it is what the attribute holds."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and all(isinstance(v, str) for v in value)
