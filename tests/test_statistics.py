"""Intervals and paired tests against SciPy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from upconv.statistics import interval, paired


def test_interval_is_students():
    values = np.random.default_rng(0).normal(3, 2, 7)
    mean, half = interval(values)
    low, high = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = [abs(m) <= h for m, h in (interval(rng.normal(size=5)) for _ in range(2000))]
    assert 0.935 < np.mean(hits) < 0.965


def test_pairs_find_what_unpaired_runs_hide():
    rng = np.random.default_rng(2)
    seeds = rng.normal(0, 1, 8)
    first, second = seeds + 0.2 + rng.normal(0, 0.05, 8), seeds
    found = paired(first, second)
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue)
    assert found.p < 0.001 < stats.ttest_ind(first, second).pvalue
    assert abs(found.difference - 0.2) < found.half


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_a_paired_interval_is_that_of_the_differences(count):
    rng = np.random.default_rng(count)
    first, second = rng.normal(0.5, 0.02, (2, count))
    expected = interval(first - second)
    found = paired(list(first), list(second))
    assert found[:2] == pytest.approx(expected, rel=0, abs=1e-12)
    assert found.p == pytest.approx(stats.ttest_1samp(first - second, 0.0).pvalue, abs=1e-12)


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="values: got 1"):
        interval([1.0])
    with pytest.raises(ValueError, match="second: got 2 runs, expected 3"):
        paired([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="first: got 1, expected at least two runs"):
        paired([1.0], [2.0])
