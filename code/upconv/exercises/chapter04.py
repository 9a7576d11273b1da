"""Exercises of chapter 4, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.stats

from upconv.exercises import Exercise


def _half_width(values: np.ndarray) -> float:
    low, high = scipy.stats.t.interval(
        0.95, len(values) - 1, loc=np.mean(values), scale=scipy.stats.sem(values)
    )
    return float(high - low) / 2


def _half_width_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(401)
    for count in (2, 3, 5, 5, 8, 20):
        yield {"values": rng.normal(0.4, 0.02, count)}


def _is_linear(function: Callable[[np.ndarray], np.ndarray]) -> bool:
    # By the matrix: apply to a basis, and see whether it explains a random input.
    size = 4
    offset = function(np.zeros(size))
    matrix = np.stack([function(unit) - offset for unit in np.eye(size)], axis=1)
    x = np.array([0.3, -1.2, 2.1, -0.4])
    return bool(
        np.allclose(function(x), matrix @ x + offset)
        and np.allclose(function(-x), offset - matrix @ x)
    )


def _is_linear_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(402)
    for kind in ("matrix", "offset", "relu", "square", "abs", "constant", "clip") * 2:
        yield {"function": _Map(kind, rng.normal(size=(3, 4)), rng.normal(size=3))}


class _Map:
    """A map from 4 numbers to 3; shown to the reader by its kind."""

    def __init__(self, kind: str, matrix: np.ndarray, offset: np.ndarray) -> None:
        self.kind, self.matrix, self.offset = kind, matrix, offset

    def __call__(self, x: np.ndarray) -> np.ndarray:
        y = self.matrix @ x
        return {
            "matrix": y,
            "offset": y + self.offset,
            "relu": np.maximum(y + self.offset, 0),
            "square": y**2,
            "abs": np.abs(y),
            "constant": self.offset,
            "clip": np.clip(y, -1, 1),
        }[self.kind]

    def __repr__(self) -> str:
        return f"<a map called {self.kind!r}>"


def _numbers_left(size: int, poolings: int, channels: int) -> int:
    for _ in range(poolings):
        size = len(range(0, size - 1, 2))
    return channels * size * size


def _numbers_left_cases() -> Iterator[dict[str, Any]]:
    for size, poolings, channels in ((224, 5, 2), (64, 5, 11), (64, 3, 11), (100, 4, 3), (7, 1, 5)):
        yield {"size": size, "poolings": poolings, "channels": channels}


def _differs(first: np.ndarray, second: np.ndarray) -> bool:
    difference = first - second
    return bool(abs(difference.mean()) > _half_width(difference))


def _differs_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(404)
    for gain in (0.0, 0.01, 0.03, 0.05, -0.04, 0.0, 0.02, -0.01):
        seeds = rng.normal(0.4, 0.1, 5)  # runs vary far more than their differences
        yield {"first": seeds + gain + rng.normal(0, 0.01, 5), "second": seeds}


EXERCISES = {
    "4.1": Exercise("how sure are we?", _half_width, _half_width_cases),
    "4.2": Exercise("is it linear?", _is_linear, _is_linear_cases),
    "4.3": Exercise("what is left in the middle", _numbers_left, _numbers_left_cases),
    "4.4": Exercise("is the difference real?", _differs, _differs_cases),
}
