"""Means over seeds with confidence intervals, comparisons, and what many of them need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from upconv.checks import as_array, refuse


class Interval(NamedTuple):
    """A mean and half the width of its confidence interval."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.half:.3f}"


class Comparison(NamedTuple):
    """Mean difference of pairs, half the width of its interval, and the two-sided p-value."""

    difference: float
    half: float
    p: float


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Compute the mean of independent runs with Student's t interval.

    Raises
    ------
    ValueError
        If there are fewer than two values.
    """
    values = as_array("values", values, float)
    if values.ndim != 1 or len(values) < 2:
        refuse("values", values.size, "at least two runs")
    quantile = stats.t.ppf(0.5 + confidence / 2, len(values) - 1)
    return Interval(float(values.mean()), float(quantile * stats.sem(values)))


def paired(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare first minus second run by run (same seed, same data), by a paired t-test.

    Raises
    ------
    ValueError
        If the numbers of runs differ, or there are fewer than two.
    """
    if len(first) != len(second):
        refuse("second", f"{len(second)} runs", f"{len(first)}, as many as first")
    first, second = as_array("first", first, float), as_array("second", second, float)
    if first.ndim != 1 or len(first) < 2:
        refuse("first", first.size, "at least two runs")
    found = stats.ttest_rel(first, second)
    low, high = found.confidence_interval()
    return Comparison(float(np.mean(first - second)), float((high - low) / 2), float(found.pvalue))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct the p-values of several comparisons (Holm 1979); below 0.05 for any is then one
    false alarm in twenty tables, not in twenty rows.

    The smallest of m p-values is multiplied by m, the next by m - 1, …; none may then be smaller
    than one before it.

    Raises
    ------
    ValueError
        If one is not between 0 and 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = as_array("p_values", p_values, float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        refuse("p_values", p.tolist(), "numbers from 0 to 1")
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(raised, 1)
    return found


def bootstrap(
    counts: np.ndarray,
    score: Callable[[np.ndarray], np.ndarray],
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of a mean score when both the runs and the groups of the test set are drawn anew.

    Owen's (2007) pigeonhole bootstrap: runs and groups, such as photographs, are drawn with
    replacement, independently of each other; the counts of the groups drawn are added, each run is
    scored on the sum, and the runs drawn are averaged.

    Parameters
    ----------
    counts : (runs, groups, ...)
        Whatever adds up over a test set: pixels right, answered and true, by class.
    score
        Maps sums over the groups, (runs, ...), to a score of each run.

    Returns
    -------
    tuple
        Lower and upper end: the quantiles of the scores drawn.

    Raises
    ------
    ValueError
        If there are fewer than two runs or groups.

    Examples
    --------
    >>> right = np.array([[9.0, 4.0], [8.0, 5.0], [9.0, 3.0]])  # of 10 on each of two photographs
    >>> low, high = bootstrap(right, lambda total: total / 20)
    >>> round(low, 2), round(high, 2)
    (0.33, 0.9)
    """
    counts = as_array("counts", counts, float)
    if counts.ndim < 2 or min(counts.shape[:2]) < 2:
        refuse("counts", counts.shape, "two runs and two groups at least")
    rng = np.random.default_rng(seed)
    runs, groups = counts.shape[:2]
    found = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(rng.integers(groups, size=groups), minlength=groups)
        scores = score(np.tensordot(counts, times, axes=(1, 0)))
        found[draw] = scores[rng.integers(runs, size=runs)].mean()
    low, high = np.quantile(found, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)
