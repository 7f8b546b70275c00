"""Summaries counted from whole traces, for stores that do not count themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from storage.api import SpanReader
from storage.trace_summary import ServiceShare, TraceSummary
from tracedata import Span, StatusCode


class SpanSummaries:
    """``storage.trace_summary.TraceSummaryReader`` over whatever reads spans."""

    def __init__(self, reader: SpanReader) -> None:
        self._reader = reader

    async def trace_summaries(self, workspace_id: int, trace_ids: Sequence[bytes]) -> Mapping[bytes, TraceSummary]:
        """See ``TraceSummaryReader``."""
        found = await self._reader.get_traces(workspace_id, trace_ids)
        return {trace_id: summarized(trace_id, spans) for trace_id, spans in found.items() if spans}


def summarized(trace_id: bytes, spans: Sequence[Span]) -> TraceSummary:
    """The summary of a trace with these spans, of which there is one at least, ordered by start."""
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if not any(span.parent_span_id)]
    failed = [span for span in spans if span.status_code == StatusCode.ERROR]
    counts = Counter(span.resource.service_name for span in spans)
    errors = Counter(span.resource.service_name for span in failed)
    return TraceSummary(
        trace_id=trace_id,
        root_service=roots[0].resource.service_name if roots else "",
        root_operation=roots[0].name if roots else "",
        start_time_unix_nano=min(span.start_time_unix_nano for span in spans),
        end_time_unix_nano=max(max(span.start_time_unix_nano, span.end_time_unix_nano) for span in spans),
        span_count=len(spans),
        error_count=len(failed),
        orphan_count=sum(any(span.parent_span_id) and span.parent_span_id not in ids for span in spans),
        services=[
            ServiceShare(service=service, span_count=count, error_count=errors[service])
            for service, count in sorted(counts.items())
        ],
    )
