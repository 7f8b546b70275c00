from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.latency import GAMMA, MAX_RELATIVE_ERROR, bucket_of, latency_ms, percentiles_ms
from storage.postgres.statement import load_statements
from tests.support.service_map import percentile

durations = st.one_of(
    st.integers(1, 10_000),
    st.integers(1, 2**63 - 1),
    st.sampled_from([round(GAMMA**power) for power in range(1, 800, 7)]),
)


def test_the_promise_is_kept() -> None:
    assert MAX_RELATIVE_ERROR <= 0.025


@given(duration_ns=durations)
def test_a_duration_is_taken_for_one_that_is_near(duration_ns: int) -> None:
    assert latency_ms(bucket_of(duration_ns)) == pytest.approx(duration_ns / 1e6, rel=MAX_RELATIVE_ERROR + 1e-12)


@given(ones=st.lists(st.one_of(durations, st.just(0)), min_size=1, max_size=60), fraction=st.floats(0, 1))
def test_a_percentile_is_near_that_of_the_durations(ones: list[int], fraction: float) -> None:
    cells = sorted(Counter(map(bucket_of, ones)).items())
    (found,) = percentiles_ms([bucket for bucket, _ in cells], [count for _, count in cells], [fraction])
    exact = percentile(sorted(one / 1e6 for one in ones), fraction)
    assert found == pytest.approx(exact, rel=MAX_RELATIVE_ERROR + 1e-9, abs=1e-300)


@given(one=durations, other=durations)
def test_buckets_are_in_the_order_of_durations(one: int, other: int) -> None:
    assert (bucket_of(one) <= bucket_of(other)) or one > other


@pytest.mark.parametrize("duration_ns", [0, -1, -(2**63)])
def test_what_takes_no_time_is_in_the_bucket_of_none(duration_ns: int) -> None:
    assert (bucket_of(duration_ns), latency_ms(0)) == (0, 0.0)


def test_the_largest_duration_has_a_bucket_that_a_smallint_holds() -> None:
    assert bucket_of(2**63 - 1) < 2**15


def test_nothing_has_no_percentiles() -> None:
    assert percentiles_ms([], [], (0.5, 0.99)) == [0.0, 0.0]


def test_the_database_counts_by_the_same_logarithm() -> None:
    fragments = load_statements("rollup_relation.sql")
    for name in ("latency", "usage_told"):
        assert f"{math.log(GAMMA):.15f}".rstrip("0") in fragments[name]
