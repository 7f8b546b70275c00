"""Gives server spans an id of their own where they share one with a client span, as Zipkin's libraries write them.

The rules are Jaeger's (``internal/adjuster/spaniduniquifier.go``): the shared id becomes the parent of the server span,
and whatever had the shared id as its parent becomes a child of the server span.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from tracedata import Span, SpanKind

_ID_BYTES = 8


def part_shared_ids(spans: Sequence[Span]) -> Sequence[Span]:
    """The spans in their order."""
    shared = {span.span_id for span in spans if span.kind == SpanKind.SERVER} & {
        span.span_id for span in spans if span.kind == SpanKind.CLIENT
    }
    if not shared:
        return spans
    fresh = _unused_ids({span.span_id for span in spans})
    servers: dict[bytes, bytes] = {}
    parted: list[Span] = []
    for span in spans:
        if span.kind == SpanKind.SERVER and span.span_id in shared:
            servers[span.span_id] = own = next(fresh)
            parted.append(replace(span, span_id=own, parent_span_id=span.span_id))
        else:
            parted.append(span)
    # A server span that has got an id of its own is a child of the client span, and stays that.
    return [
        _below(span, servers.get(span.parent_span_id)) if span.span_id == before.span_id else span
        for span, before in zip(parted, spans, strict=True)
    ]


def _below(span: Span, server: bytes | None) -> Span:
    return span if server is None else replace(span, parent_span_id=server)


def _unused_ids(used: set[bytes]) -> Iterator[bytes]:
    """Ids in their order from 1; a trace cannot have them all."""
    number = 1
    while True:
        made = number.to_bytes(_ID_BYTES, "big")
        if made not in used:
            yield made
        number += 1
