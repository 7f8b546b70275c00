from __future__ import annotations

import re

import pytest

from relayscope.metrics import CATALOGUE, Metric
from tests.support.repository import document

_ROW = re.compile(r"^\| `(relayscope_\w+)` \| (\w+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def _row(metric: Metric) -> tuple[str, str, str, str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
    return metric.name, metric.kind, labels, metric.help


def test_the_page_lists_every_metric_as_it_is() -> None:
    assert _ROW.findall(document("docs/observability.md")) == [_row(metric) for metric in CATALOGUE.values()]


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_names_follow_the_conventions(metric: Metric) -> None:
    """https://prometheus.io/docs/practices/naming/: a unit in the plural at the end, ``total`` for what only grows."""
    assert re.fullmatch(r"relayscope(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not metric.name.endswith(("_ms", "_milliseconds", "_count", "_sum", "_bucket"))
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.help.endswith(".")
    assert not {"le", "quantile", "pid"} & set(metric.labels)
