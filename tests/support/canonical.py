"""Equality that tells apart what ``==`` does not: int 1, double 1.0 and true; 0.0 and -0.0. NaN equals itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tracedata import Span


def canonical(value: object) -> object:
    """A hashable twin of a value, span, event...: equal for two of them exactly when their content is the same.

    Maps compare without order, sequences with order whatever their class.
    """
    if isinstance(value, msgspec.Struct):
        fields = type(value).__struct_fields__
        return (type(value).__name__, *((field, canonical(getattr(value, field))) for field in fields))
    if isinstance(value, Mapping):
        return ("map", *((key, canonical(value[key])) for key in sorted(value)))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return ("array", *(canonical(item) for item in value))
    return _scalar(value)


def _scalar(value: object) -> object:
    if isinstance(value, float):
        return ("double", repr(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return ("int", int(value))
    return (type(value).__name__, value)


def same_spans(found: Iterable[Span], expected: Iterable[Span]) -> bool:
    """Whether both hold the same spans, each as often, in any order."""
    return _sorted(found) == _sorted(expected)


def _sorted(spans: Iterable[Span]) -> list[str]:
    return sorted(repr(canonical(span)) for span in spans)
