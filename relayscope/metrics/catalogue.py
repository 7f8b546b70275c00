"""Every metric by its name, as data: what is counted, how, and by which labels.

``docs/observability.md`` holds the same as a table; a test compares the two. Labels have few values, and they come
from our own code, but for attribute keys, which are bounded and redacted: no name, path or id becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

_FAST_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_WAIT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 20_000, 50_000, 100_000)


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. ``buckets`` are the upper ends of a histogram, in its unit."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Sequence[str] = ()
    buckets: Sequence[float] = ()


_METRICS = (
    # Receivers.
    Metric(
        name="relayscope_received_bytes_total",
        kind="counter",
        labels=("transport", "signal"),
        help="Bytes of export requests, decompressed.",
    ),
    Metric(
        name="relayscope_spans_accepted_total",
        kind="counter",
        labels=("transport",),
        help="Spans acknowledged to their senders, after their commit.",
    ),
    Metric(
        name="relayscope_spans_rejected_total",
        kind="counter",
        labels=("reason",),
        help="Spans left out of an accepted request, by reason class.",
    ),
    Metric(
        name="relayscope_log_records_accepted_total",
        kind="counter",
        labels=("transport",),
        help="Log records acknowledged to their senders, after their commit.",
    ),
    Metric(
        name="relayscope_log_records_rejected_total",
        kind="counter",
        labels=("reason",),
        help="Log records left out of an accepted request, by reason class.",
    ),
    Metric(
        name="relayscope_requests_refused_total",
        kind="counter",
        labels=("transport", "code"),
        help="Export requests answered with an error, by gRPC code or HTTP status.",
    ),
    Metric(name="relayscope_requests_in_flight", kind="gauge", help="Export requests being handled."),
    Metric(
        name="relayscope_decode_seconds",
        kind="histogram",
        buckets=_FAST_S,
        help="Time from the bytes of a request to its spans or log records.",
    ),
    Metric(
        name="relayscope_ingest_lag_seconds",
        kind="histogram",
        buckets=_WAIT_S,
        help="Time from the bytes of a request until its spans are committed, and so can be queried.",
    ),
    # Writers.
    Metric(
        name="relayscope_spans_committed_total",
        kind="counter",
        help="Spans in committed groups, those included that were stored already.",
    ),
    Metric(
        name="relayscope_log_records_committed_total",
        kind="counter",
        help="Log records in committed groups, those included that were stored already.",
    ),
    Metric(name="relayscope_commits_total", kind="counter", help="Groups committed."),
    Metric(
        name="relayscope_commit_failures_total",
        kind="counter",
        help="Groups that failed; their senders were told to try again.",
    ),
    Metric(name="relayscope_group_rows", kind="histogram", buckets=_ROWS, help="Rows of all tables a committed group."),
    Metric(
        name="relayscope_commit_seconds",
        kind="histogram",
        buckets=_WAIT_S,
        help="Time to write and commit a group.",
    ),
    Metric(
        name="relayscope_last_commit_timestamp_seconds",
        kind="gauge",
        help="When a group was last committed, in Unix time.",
    ),
    Metric(name="relayscope_queue_rows", kind="gauge", help="Rows of all tables that wait for a commit."),
    Metric(name="relayscope_queue_bytes", kind="gauge", help="Bytes of the rows that wait for a commit."),
    # Redaction.
    Metric(
        name="relayscope_redactions_total",
        kind="counter",
        labels=("entity", "key"),
        help="Values redacted, by entity and attribute key; the first 200 keys of a process by name, then `other`.",
    ),
    Metric(
        name="relayscope_redaction_seconds",
        kind="histogram",
        buckets=_FAST_S,
        help="Time to redact the spans and log records of a request, or of a slice of it.",
    ),
    Metric(
        name="relayscope_redaction_cache_hits_total",
        kind="counter",
        help="Texts of 256 characters or more whose redaction was known.",
    ),
    Metric(name="relayscope_redaction_cache_misses_total", kind="counter", help="Texts whose redaction was not."),
    Metric(name="relayscope_redaction_cache_bytes", kind="gauge", help="Size of the redacted texts that are known."),
    # Making and settling of interactions.
    Metric(
        name="relayscope_ai_interactions_total",
        kind="counter",
        help="Interactions made at once, of traces whose AI spans came with all that is above them.",
    ),
    Metric(
        name="relayscope_ai_deferred_parts_total",
        kind="counter",
        help="Parts of traces, and of sessions without one, whose interactions were left to be settled.",
    ),
    Metric(
        name="relayscope_ai_unmapped_total",
        kind="counter",
        help="Spans and log records that could not be read: stored, but telling of nothing.",
    ),
    Metric(
        name="relayscope_ai_traces_settled_total",
        kind="counter",
        labels=("outcome",),
        help="Traces whose interactions were looked at again, by outcome: settled, failed, oversized.",
    ),
    Metric(
        name="relayscope_ai_rows_changed_total",
        kind="counter",
        help="Interactions and decisions that were added, removed or replaced by that.",
    ),
    Metric(
        name="relayscope_ai_settlement_lag_seconds",
        kind="histogram",
        buckets=_WAIT_S,
        help="Time from when a part of a trace was stored until its interactions were settled.",
    ),
    Metric(name="relayscope_ai_arrivals", kind="gauge", help="Parts of traces that wait to be settled, up to 100,000."),
    Metric(
        name="relayscope_ai_waiting_traces",
        kind="gauge",
        help="Traces with AI in them of which a span is missing, up to 100,000.",
    ),
    # Forwarding.
    Metric(
        name="relayscope_forward_queue_items",
        kind="gauge",
        labels=("exporter",),
        help="Spans and log records that an exporter holds, those under way included.",
    ),
    Metric(
        name="relayscope_forward_queue_bytes",
        kind="gauge",
        labels=("exporter",),
        help="Bytes of what an exporter holds.",
    ),
    Metric(
        name="relayscope_forward_sent_total",
        kind="counter",
        labels=("exporter", "signal"),
        help="Spans and log records that the destination of an exporter has taken.",
    ),
    Metric(
        name="relayscope_forward_failed_total",
        kind="counter",
        labels=("exporter", "signal", "reason"),
        help="Those that the destination was offered and will not get: refused, rejected, expired, stopped, unencodable, internal.",
    ),
    Metric(
        name="relayscope_forward_dropped_total",
        kind="counter",
        labels=("exporter", "signal", "reason"),
        help="Those that the destination was never offered: queue_full, busy, unstored, stopped, internal.",
    ),
    Metric(
        name="relayscope_forward_retries_total",
        kind="counter",
        labels=("exporter",),
        help="Requests of an exporter that failed and were sent again.",
    ),
    # Rollups.
    Metric(
        name="relayscope_rollup_buckets_total",
        kind="counter",
        help="Minutes, hours and days that were rolled up, those included in which nothing is.",
    ),
    Metric(
        name="relayscope_rollup_rows_total",
        kind="counter",
        help="Spans and AI interactions that were read for that.",
    ),
    Metric(
        name="relayscope_rollup_seconds",
        kind="histogram",
        buckets=_WAIT_S,
        help="Time to roll up a minute, an hour or a day, in one transaction.",
    ),
    Metric(
        name="relayscope_rollup_dirty",
        kind="gauge",
        help="Times in which something has changed since they were rolled up, up to 100,000.",
    ),
    Metric(
        name="relayscope_rollup_stale",
        kind="gauge",
        help="Hours and days that are to be made anew of what is below them.",
    ),
    Metric(
        name="relayscope_rollup_lag_seconds",
        kind="gauge",
        help="For how long the time has waited that has waited longest to be rolled up.",
    ),
    # API.
    Metric(
        name="relayscope_api_request_seconds",
        kind="histogram",
        labels=("method", "route", "status"),
        buckets=_WAIT_S,
        help="Time to answer a request of the HTTP API, by route template and class of status.",
    ),
    # System.
    Metric(
        name="relayscope_build_info",
        kind="gauge",
        labels=("version", "python_version"),
        help="Always 1; the labels say what runs.",
    ),
    Metric(name="relayscope_processes", kind="gauge", labels=("role",), help="Child processes that should run."),
    Metric(name="relayscope_processes_up", kind="gauge", labels=("role",), help="Child processes that are ready."),
    Metric(
        name="relayscope_process_restarts_total",
        kind="counter",
        labels=("role",),
        help="Child processes that ended by themselves and were started again.",
    ),
    # Store.
    Metric(name="relayscope_store_up", kind="gauge", help="Whether the database answered when it was last measured."),
    Metric(name="relayscope_store_bytes", kind="gauge", help="Size of the database."),
    Metric(name="relayscope_store_spans_bytes", kind="gauge", help="Size of the spans with their indexes."),
    Metric(name="relayscope_store_spans", kind="gauge", help="Spans stored, as the database estimates it."),
    Metric(
        name="relayscope_store_partitions",
        kind="gauge",
        help="Partitions of the spans, without those that take times outside all others.",
    ),
    Metric(
        name="relayscope_search_pending_interactions",
        kind="gauge",
        help="AI interactions that the full-text index does not have yet, at most.",
    ),
    Metric(
        name="relayscope_search_lag_seconds",
        kind="gauge",
        help="Time since the full-text index had everything last; 0 while nothing waits.",
    ),
    Metric(
        name="relayscope_store_partition_bytes",
        kind="gauge",
        labels=("partition",),
        help="Size of the largest partition, and of those that take times outside all others.",
    ),
    Metric(
        name="relayscope_store_newest_span_age_seconds",
        kind="gauge",
        help="Time since the newest span started, at most an hour ahead of the clock.",
    ),
)
CATALOGUE: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
