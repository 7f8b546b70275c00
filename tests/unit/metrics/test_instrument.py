from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from relayscope.metrics import ApiMetrics, EnrichMetrics, IngestMetrics, RollupMetrics, SettlementMetrics
from tests.support.factory import batch, span
from tracedata import Receipt, RetryableError


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_request_from_start_to_end(registry: CollectorRegistry) -> None:
    metrics = IngestMetrics(registry)
    with metrics.request(transport="http", signal="traces", size=100) as request:
        assert registry.get_sample_value("relayscope_requests_in_flight") == 1
        request.decoded(batch(span()))
        request.accepted(Receipt(accepted=3, rejections={"unstorable": 2}))
    found = {
        name: registry.get_sample_value(name, labels)
        for name, labels in (
            ("relayscope_requests_in_flight", {}),
            ("relayscope_received_bytes_total", {"transport": "http", "signal": "traces"}),
            ("relayscope_spans_accepted_total", {"transport": "http"}),
            ("relayscope_spans_rejected_total", {"reason": "unstorable"}),
            ("relayscope_decode_seconds_count", {}),
            ("relayscope_ingest_lag_seconds_count", {}),
        )
    }
    assert list(found.values()) == [0, 100, 3, 2, 1, 1]


def test_a_request_that_fails_is_not_in_flight_any_more(registry: CollectorRegistry) -> None:
    metrics = IngestMetrics(registry)
    with pytest.raises(RetryableError), metrics.request(transport="grpc", signal="traces", size=1):
        raise RetryableError("full")
    metrics.refused(transport="grpc", code="UNAVAILABLE")
    refused = {"transport": "grpc", "code": "UNAVAILABLE"}
    assert registry.get_sample_value("relayscope_requests_in_flight") == 0
    assert registry.get_sample_value("relayscope_requests_refused_total", refused) == 1
    assert registry.get_sample_value("relayscope_ingest_lag_seconds_count") == 0


def test_groups(registry: CollectorRegistry) -> None:
    metrics = IngestMetrics(registry)
    metrics.queued(rows=12, size=345)
    with metrics.group(rows=10, origins=()) as group:
        group.committed(spans=9, log_records=0)
    with pytest.raises(RetryableError), metrics.group(rows=2, origins=()):
        raise RetryableError("gone")
    names = ("spans_committed_total", "commits_total", "commit_failures_total", "group_rows_sum", "queue_bytes")
    assert [registry.get_sample_value(f"relayscope_{name}") for name in names] == [9, 1, 1, 10, 345]
    assert registry.get_sample_value("relayscope_commit_seconds_count") == 1


def test_reasons_are_bounded(registry: CollectorRegistry) -> None:
    metrics = IngestMetrics(registry)
    for number in range(1000):
        metrics.signals["traces"].reject({f"reason_{number}": 1})
    samples = [sample for family in registry.collect() for sample in family.samples]
    counted = [sample for sample in samples if sample.name == "relayscope_spans_rejected_total"]
    assert len(counted) == 65
    assert sum(sample.value for sample in counted) == 1000


def test_a_request_of_the_api_that_is_never_answered_counts_as_our_failure(registry: CollectorRegistry) -> None:
    with ApiMetrics(registry).request(method="GET") as request:
        request.routed("/x/{id}")
    labels = {"method": "GET", "route": "/x/{id}", "status": "5xx"}
    assert registry.get_sample_value("relayscope_api_request_seconds_count", labels) == 1


def test_making_of_interactions(registry: CollectorRegistry) -> None:
    metrics = EnrichMetrics(registry)
    metrics.enriched(interactions=3, arrivals=2)
    metrics.enriched(interactions=0, arrivals=1)
    metrics.unmapped(4)
    names = ("interactions", "deferred_parts", "unmapped")
    assert [registry.get_sample_value(f"relayscope_ai_{name}_total") for name in names] == [3, 3, 4]


def test_settling_of_interactions(registry: CollectorRegistry) -> None:
    metrics = SettlementMetrics(registry)
    metrics.settled(traces=3, failed=1, oversized=0, changed=5)
    metrics.lagged([0.1, 0.7])
    metrics.backlog(arrivals=4, waiting=2)
    outcomes = ("settled", "failed", "oversized")
    name = "relayscope_ai_traces_settled_total"
    assert [registry.get_sample_value(name, {"outcome": one}) for one in outcomes] == [3, 1, 0]
    assert registry.get_sample_value("relayscope_ai_rows_changed_total") == 5
    assert registry.get_sample_value("relayscope_ai_settlement_lag_seconds_count") == 2
    assert registry.get_sample_value("relayscope_ai_arrivals") == 4
    assert registry.get_sample_value("relayscope_ai_waiting_traces") == 2


def test_rolling_up_is_counted() -> None:
    registry = CollectorRegistry()
    metrics = RollupMetrics(registry)
    metrics.rolled(buckets=60, rows=1_000, seconds=0.5)
    metrics.rolled(buckets=1, rows=0, seconds=0.1)
    metrics.backlog(dirty=3, stale=2, lag_s=7.5)
    assert registry.get_sample_value("relayscope_rollup_buckets_total") == 61
    assert registry.get_sample_value("relayscope_rollup_rows_total") == 1_000
    assert registry.get_sample_value("relayscope_rollup_seconds_count") == 2
    assert registry.get_sample_value("relayscope_rollup_dirty") == 3
    assert registry.get_sample_value("relayscope_rollup_stale") == 2
    assert registry.get_sample_value("relayscope_rollup_lag_seconds") == 7.5
