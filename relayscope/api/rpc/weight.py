"""How much memory spans hold, roughly: their texts, which are all that can be large."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracedata import Span, Value

_SCALAR = 8


def weight_of(spans: Iterable[Span]) -> int:
    """Characters of names, messages, keys and values. Resources and scopes are shared, and do not count."""
    return sum(map(_of_span, spans))


def _of_span(span: Span) -> int:
    texts = len(span.name) + len(span.status_message) + len(span.trace_state)
    parts = sum(len(event.name) + _of(event.attributes) for event in span.events)
    return texts + _of(span.attributes) + parts + sum(_of(link.attributes) for link in span.links)


def _of(value: Value) -> int:
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(key) + _of(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_of, value))
    return _SCALAR
