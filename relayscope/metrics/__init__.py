"""Metrics in Prometheus' format: what there is, who counts it, and how the processes' figures become one answer.

The one room that knows ``prometheus_client``.
"""

from relayscope.metrics.catalogue import CATALOGUE, Metric
from relayscope.metrics.exposition import Exposition
from relayscope.metrics.forward import ForwardMetrics
from relayscope.metrics.instrument import ApiMetrics, EnrichMetrics, IngestMetrics, RollupMetrics, SettlementMetrics
from relayscope.metrics.share import forget_gauges, share

__all__ = [
    "CATALOGUE",
    "ApiMetrics",
    "EnrichMetrics",
    "Exposition",
    "ForwardMetrics",
    "IngestMetrics",
    "Metric",
    "RollupMetrics",
    "SettlementMetrics",
    "forget_gauges",
    "share",
]
