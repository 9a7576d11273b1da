"""Means over seeds with confidence intervals, and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
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
