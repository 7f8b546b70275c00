"""The outline of a trace whose spans are all at hand; stores make the same of what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from storage.api import MAX_OUTLINE_FAILED, MAX_OUTLINE_FIRST, TraceOutline
from tracedata import Span, StatusCode


def outline_of(spans: Sequence[Span]) -> TraceOutline:
    """The outline of a trace. ``spans`` are all of its spans, one at least, by start and id."""
    failed = [span for span in spans if span.status_code == StatusCode.ERROR]
    return TraceOutline(
        span_count=len(spans),
        error_count=len(failed),
        start_time_unix_nano=spans[0].start_time_unix_nano,
        end_time_unix_nano=max(max(span.start_time_unix_nano, span.end_time_unix_nano) for span in spans),
        services=sorted({span.resource.service_name for span in spans}),
        root=next((span for span in spans if not span.parent_span_id), spans[0]),
        failed=failed[:MAX_OUTLINE_FAILED],
        first=spans[:MAX_OUTLINE_FIRST],
    )
