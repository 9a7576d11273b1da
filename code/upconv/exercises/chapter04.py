"""Exercises of page 4, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

from upconv.exercises import Exercise


def _half_width(values: np.ndarray) -> float:
    low, high = scipy.stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=scipy.stats.sem(values)
    )
    return float(high - low) / 2


def _half_width_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(401)
    for runs in (2, 3, 5, 5, 8, 20):
        yield {"values": rng.normal(0.4, 0.02, runs)}


def _joined(x: np.ndarray, skip: np.ndarray, weight: np.ndarray) -> np.ndarray:
    # Place by place and channel by channel.
    out = np.empty((len(x), *skip.shape[1:]))
    for channel, row, column in np.ndindex(*out.shape):
        brought = sum(weight[channel, k] * skip[k, row, column] for k in range(len(skip)))
        out[channel, row, column] = x[channel, row // 2, column // 2] + brought
    return out


def _joined_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(402)
    for channels, others, height, width in ((1, 1, 2, 2), (2, 3, 2, 3), (3, 1, 1, 4), (4, 6, 3, 3)):
        yield {
            "x": rng.normal(size=(channels, height, width)),
            "skip": rng.normal(size=(others, 2 * height, 2 * width)),
            "weight": rng.normal(size=(channels, others)),
        }


def _fair_width(budget: int, channels: int) -> int:
    # The widest by trying, so that no formula has to be right.
    fits = (width for width in count(1) if 9 * (width + channels) * width + width > budget)
    return next(fits) - 1


def _fair_width_cases() -> Iterator[dict[str, Any]]:
    cases = ((37_000, 112), (37_000, 40), (36_928, 0), (10, 0), (19, 1), (500_000, 512), (28, 2))
    for budget, channels in cases:
        yield {"budget": budget, "channels": channels}


def _differs(first: np.ndarray, second: np.ndarray) -> bool:
    # The two-sided tail of Student's t by the incomplete beta function.
    difference = np.asarray(first) - np.asarray(second)
    freedom = len(difference) - 1
    t2 = difference.mean() ** 2 / (difference.var(ddof=1) / len(difference))
    return bool(scipy.special.betainc(freedom / 2, 0.5, freedom / (freedom + t2)) < 0.05)


def _differs_cases() -> Iterator[dict[str, Any]]:
    """Ratios of mean difference to its standard error that wrong answers put on the other side.

    2.776 decides for five runs: 1.96 lies below 2.3, and with a standard deviation that is too
    small (ddof=0), 2.6 counts as 2.9. Differences of any size are real in some and not in others.
    """
    rng = np.random.default_rng(404)
    ratios = {3: (2.5, 3.9, 4.2, 6.0), 5: (2.3, 2.6, 2.7, 2.9, 8.0), 10: (2.0, 2.2, 2.31, 0.3)}
    for place, (runs, ratio) in enumerate((n, r) for n, many in ratios.items() for r in many):
        noise = rng.normal(size=runs)
        noise = (noise - noise.mean()) / (noise.std(ddof=1) / np.sqrt(runs))  # standard error 1
        scale = (0.0005, 0.02)[place % 2]
        second = rng.normal(0.4, 0.1, runs)  # runs vary far more than their differences
        yield {"first": second + (-1) ** place * scale * (ratio + noise), "second": second}


def _table(scores: dict[str, np.ndarray], baseline: str) -> np.ndarray:
    rows, tails = [], {}
    for name, runs in scores.items():
        if name != baseline:
            tails[name] = scipy.stats.ttest_rel(runs, scores[baseline]).pvalue
    for name, runs in scores.items():
        if name != baseline:
            # Holm's p-value by its definition: the largest of the raised ones up to this one.
            below = sorted(tail for tail in tails.values() if tail <= tails[name])
            raised = [tail * (len(tails) - place) for place, tail in enumerate(below)]
            difference = np.mean(runs) - np.mean(scores[baseline])
            rows.append((np.mean(runs), difference, min(1.0, max(raised))))
    return np.array(rows)


def _table_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(405)
    for gains in ((0.02, 0.0), (0.0, 0.01, 0.012, -0.05), (0.001, 0.0, 0.0), (0.04,)):
        base = rng.normal(0.5, 0.02, 6)
        names = [f"network {place}" for place in range(len(gains))]
        scores = {
            name: base + gain + rng.normal(0, 0.01, 6)
            for name, gain in zip(names, gains, strict=True)
        }
        scores = dict(list(scores.items())[:1]) | {"FCN-8s": base} | scores
        yield {"scores": scores, "baseline": "FCN-8s"}


EXERCISES = {
    "4.1": Exercise("how sure are we?", _half_width, _half_width_cases),
    "4.2": Exercise("write a skip", _joined, _joined_cases),
    "4.3": Exercise("a fair width", _fair_width, _fair_width_cases),
    "4.4": Exercise("is the difference real?", _differs, _differs_cases),
    "4.5": Exercise("the table of an ablation", _table, _table_cases),
}
