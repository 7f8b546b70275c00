"""Against numbers that were published, or computed otherwise."""

from __future__ import annotations

import statistics
from fractions import Fraction

import pytest

from query.replay.statistic import (
    Share,
    mean_of,
    student_quantile,
    sum_of_means,
    sum_of_shares,
    variance_of,
    wilson,
)
from storage.replay import Moments


def _moments(*values: int) -> Moments:
    return Moments(count=len(values), total=sum(values), squares=sum(value * value for value in values))


@pytest.mark.parametrize(
    ("freedom", "expected"),
    # The table of any textbook.
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (10, 2.2281), (30, 2.0423), (120, 1.9799), (1e9, 1.9600)],
)
def test_students_distribution(freedom: float, expected: float) -> None:
    assert student_quantile(freedom) == pytest.approx(expected, abs=5e-5)


def test_moments_are_exact() -> None:
    values = [10**17 + number for number in (1, 2, 4)]
    moments = _moments(*values)

    assert mean_of(moments) == pytest.approx(statistics.fmean(values))
    assert variance_of(moments) == pytest.approx(float(Fraction(7, 3)))
    assert _moments(*values[:1]) + _moments(*values[1:]) == moments


def test_the_interval_of_a_mean_is_students() -> None:
    # Mean 5, standard deviation 2.7386, five values: 5 ± 2.7764 * 1.2247.
    found = sum_of_means([(1, _moments(2, 3, 5, 6, 9))])

    assert found.estimate == 5
    assert (found.low, found.high) == pytest.approx((5 - 3.4004, 5 + 3.4004), abs=2e-3)


def test_the_difference_of_two_means_is_welchs() -> None:
    # Two samples of which the difference, its error and the degrees of freedom were computed step by step here.
    left, right = [17, 20, 23, 20, 25], [31, 30, 25, 28, 36, 26]
    variances = [statistics.variance(values) / len(values) for values in (left, right)]
    error = sum(variances) ** 0.5
    freedom = sum(variances) ** 2 / sum(one**2 / (len(v) - 1) for one, v in zip(variances, (left, right), strict=True))
    difference = statistics.fmean(right) - statistics.fmean(left)

    found = sum_of_means([(1, _moments(*right)), (-1, _moments(*left))])

    assert found.estimate == pytest.approx(difference)
    assert found.high - found.estimate == pytest.approx(student_quantile(freedom) * error)
    assert found.estimate - found.low == pytest.approx(student_quantile(freedom) * error)


def test_weights_are_those_of_the_sum() -> None:
    one = sum_of_means([(1, _moments(2, 3, 5, 6, 9))])
    ten = sum_of_means([(10, _moments(2, 3, 5, 6, 9))])

    assert tuple(ten) == pytest.approx(tuple(10 * value for value in one))


def test_values_that_do_not_vary_have_no_width() -> None:
    assert tuple(sum_of_means([(3, _moments(5, 5, 5))])) == (15, 15, 15)
    assert tuple(sum_of_means([])) == (0, 0, 0)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I: the score interval without continuity correction.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_shares_have_wilsons_interval(hits: int, total: int, low: float, high: float) -> None:
    found = wilson(Share(hits, total))

    assert found.estimate == hits / total
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = sum_of_shares([(1, Share(*first)), (-1, Share(*second))])

    assert found.estimate == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
