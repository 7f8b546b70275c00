"""What Jaeger's APIs stand on, besides the spans."""

from __future__ import annotations

from typing import NamedTuple

from relayscope.api.jaeger.archiving import DecodeTraces
from relayscope.api.jaeger.purging import Purge
from relayscope.api.jaeger.ui import Capabilities, JaegerUi
from storage.archive import TraceArchive
from storage.span_metrics import SpanMetricsReader
from storage.trace_query import TraceQueryReader
from storage.trace_summary import TraceSummaryReader


class JaegerAccess(NamedTuple):
    """Each may be missing: then its endpoints say so, or summaries are counted from whole traces.

    ``decode`` makes spans of OTLP/JSON; without it, nothing is transformed. ``queries`` answers structured filters. ``ui`` is an unpacked build of Jaeger's web page, which is then shown instead of ours. Spans of hosts with other clocks
    are moved by ``max_clock_skew_ns`` at most when they are shown.
    """

    archive: TraceArchive | None = None
    decode: DecodeTraces | None = None
    metrics: SpanMetricsReader | None = None
    summaries: TraceSummaryReader | None = None
    ui: JaegerUi | None = None
    max_clock_skew_ns: int = 0
    purge: Purge | None = None
    queries: TraceQueryReader | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What a web page may offer."""
        return Capabilities(archive_storage=self.archive is not None, metrics_storage=self.metrics is not None)
