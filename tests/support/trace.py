"""A small trace of two services, and spans that take their fields from it."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.canned_reader import GATEWAY, PROVIDER, SCOPE, START_NS, TRACE_ID
from tracedata import Attributes, Event, Span, SpanKind, StatusCode

MS = 1_000_000
ROOT = Span(
    trace_id=TRACE_ID,
    span_id=(1).to_bytes(8, "big"),
    resource=GATEWAY,
    scope=SCOPE,
    name="POST /v1/chat/completions",
    kind=SpanKind.SERVER,
    start_time_unix_nano=START_NS,
    end_time_unix_nano=START_NS + 100 * MS,
)
CHILD = replace(
    ROOT,
    span_id=(2).to_bytes(8, "big"),
    parent_span_id=ROOT.span_id,
    resource=PROVIDER,
    name="chat gpt-4o",
    kind=SpanKind.CLIENT,
    start_time_unix_nano=START_NS + 10 * MS,
    end_time_unix_nano=START_NS + 90 * MS,
)


def failed(
    span: Span, *, attributes: Attributes | None = None, message: str = "", exception: Attributes | None = None
) -> Span:
    """``span`` with an error, with these attributes and an exception event if one is given."""
    events = [] if exception is None else [Event(time_unix_nano=START_NS, name="exception", attributes=exception)]
    return replace(
        span, status_code=StatusCode.ERROR, status_message=message, attributes=attributes or {}, events=events
    )
