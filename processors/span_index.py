"""Spans by trace and id, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from tracedata import Span

_ENCODER = msgspec.json.Encoder(order="deterministic", enc_hook=str)


def span_index(spans: Iterable[Span], is_relevant: Callable[[Span], bool]) -> dict[bytes, Span]:
    """The spans by trace and id. Of different spans with the same ids, the one that says most counts, whichever came first."""
    index: dict[bytes, Span] = {}
    for span in spans:
        key = span.trace_id + span.span_id
        other = index.setdefault(key, span)
        if other is not span and _fullness(span, is_relevant) > _fullness(other, is_relevant):
            index[key] = span
    return index


def _fullness(span: Span, is_relevant: Callable[[Span], bool]) -> tuple[bool, int, int, int, bytes]:
    told = [
        span.name,
        span.attributes,
        span.start_time_unix_nano,
        span.scope.name,
        span.parent_span_id,
        span.status_message,
        [(event.name, event.time_unix_nano, event.attributes) for event in span.events],
    ]
    try:
        encoded = _ENCODER.encode(told)
    except (TypeError, ValueError, RecursionError):
        encoded = repr(told).encode(errors="replace")
    return is_relevant(span), len(span.attributes), len(span.events), span.end_time_unix_nano, encoded
