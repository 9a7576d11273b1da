"""Intervals and paired tests against SciPy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from upconv.statistics import bootstrap, holm, interval, paired


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


def test_holm_is_its_definition():
    """Reject the smallest at 0.05 / m, the next at 0.05 / (m - 1), … until one is not rejected."""
    rng = np.random.default_rng(3)
    for count in (1, 2, 5, 9):
        for _ in range(50):
            p = rng.uniform(0, 1, count) ** 4
            rejected, order = np.zeros(count, bool), np.argsort(p)
            for place, which in enumerate(order):
                if p[which] > 0.05 / (count - place):
                    break
                rejected[which] = True
            assert np.array_equal(holm(p) <= 0.05, rejected)
            bonferroni, fdr = np.minimum(count * p, 1), stats.false_discovery_control(p)
            assert (fdr <= holm(p) + 1e-12).all() and (holm(p) <= bonferroni + 1e-12).all()


def test_holm_refuses_what_is_no_probability():
    for wrong in ([0.1, 1.2], [-0.1], [float("nan")], [[0.1]]):
        with pytest.raises(ValueError, match="p_values: got"):
            holm(wrong)
    assert holm([]).tolist() == []


def test_a_bootstrap_over_equal_groups_is_that_of_the_runs():
    runs = np.random.default_rng(4).normal(5, 1, 12)
    low, high = bootstrap(np.repeat(runs[:, None], 3, axis=1), lambda total: total / 3)
    theirs = stats.bootstrap((runs,), np.mean, method="percentile", random_state=0)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.06)


def test_a_bootstrap_over_equal_runs_is_that_of_the_groups():
    groups = np.random.default_rng(5).normal(5, 1, 9)
    low, high = bootstrap(np.tile(groups, (4, 1)), lambda total: total / 9)
    theirs = stats.bootstrap((groups,), np.mean, method="percentile", random_state=0)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.08)


def test_a_bootstrap_of_both_is_wider_than_of_the_runs_alone():
    rng = np.random.default_rng(6)
    counts = 5 + rng.normal(0, 0.3, (10, 1, 2)) + rng.normal(0, 1, (1, 5, 2))
    score = lambda total: total[:, 0] - total[:, 1]  # noqa: E731
    low, high = bootstrap(counts, score)
    assert high - low > 4 * interval(score(counts.sum(1))).half
    assert (low, high) == bootstrap(counts, score)  # the same draws again
    for wrong in (counts[:1], counts[:, :1], counts[0, 0]):
        with pytest.raises(ValueError, match="counts: got"):
            bootstrap(wrong, score)
