"""What one span, with its events, or one log record tells: decisions, and what became of the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from processors.decisions.adapter.decision_trace import FINAL
from processors.decisions.final import stated_in
from processors.decisions.subject import (
    OF_EVENT,
    adapters_of,
    event_of_record,
    of_event,
    of_record,
    of_span,
    trace_id_of,
)
from processors.decisions.telling import Telling, tellings_of
from tracedata import LogRecord, Span
from tracedata.decision import FinalOutcome


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """``outcomes`` are what it states, where it stands and when. A span that states something only has no ``tellings``."""

    trace_id: bytes
    span_id: bytes
    time_unix_nano: int
    tellings: Sequence[Telling] = ()
    outcomes: Sequence[FinalOutcome] = ()


def source_of_span(span: Span) -> Source:
    """What the span and its events tell."""
    attributes = [
        span.attributes,
        *(one.attributes for one in span.events if one.name in OF_EVENT or one.name == FINAL),
    ]
    return Source(
        trace_id=span.trace_id,
        span_id=span.span_id,
        time_unix_nano=span.start_time_unix_nano,
        tellings=tuple(_told_by(span)),
        outcomes=tuple(said for one in attributes if (said := stated_in(one)) is not None),
    )


def _told_by(span: Span) -> Iterator[Telling]:
    for adapter, rest in adapters_of(span):
        yield from tellings_of(of_span(span, rest), adapter)
    for event in span.events:
        if (adapter_of_event := OF_EVENT.get(event.name)) is not None:
            yield from tellings_of(of_event(span, event), adapter_of_event)


def source_of_record(record: LogRecord) -> Source | None:
    """What the log record tells; None when it tells of nothing."""
    name = event_of_record(record)
    if not name:
        return None
    adapter = OF_EVENT.get(name)
    said = stated_in(record.attributes)
    return Source(
        trace_id=trace_id_of(record),
        span_id=record.span_id,
        time_unix_nano=record.moment_unix_nano,
        tellings=tuple(tellings_of(of_record(record), adapter)) if adapter is not None else (),
        outcomes=(said,) if said is not None else (),
    )
