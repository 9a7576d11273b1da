"""Exercises of page 2b, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.signal

from upconv.exercises import Exercise


def _is_even(kernel: np.ndarray, stride: int) -> bool:
    # By enlarging a constant image, stamp by stamp, and looking at one period of its middle.
    count, size = len(kernel) // stride + 3, len(kernel)
    wide = np.zeros((2 * count * stride + size,) * 2)
    for row in range(0, 2 * count * stride, stride):
        for column in range(0, 2 * count * stride, stride):
            wide[row : row + size, column : column + size] += kernel
    start = count * stride
    return bool(np.ptp(wide[start : start + stride, start : start + stride]) < 1e-9)


def _is_even_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(207)
    tent = np.array([1, 2, 3, 2, 1]) / 3
    half = np.array([0.5, 1, 0.5])
    yield {"kernel": np.ones((3, 3)), "stride": 2}
    yield {"kernel": np.outer(half, half), "stride": 2}
    yield {"kernel": np.outer(tent, tent), "stride": 3}
    yield {"kernel": np.outer(tent, half.repeat(2)[:5]), "stride": 3}  # even along one axis only
    yield {"kernel": np.array([[1.0, 1], [-1, -1]]), "stride": 2}  # equal columns, unequal rows
    for size, stride in ((1, 1), (1, 2), (2, 3), (4, 2), (4, 4), (3, 1), (5, 2), (6, 3)):
        yield {"kernel": np.ones((size, size)), "stride": stride}
        kernel = rng.normal(size=(size, size))
        yield {"kernel": kernel, "stride": stride}
        for row in range(min(stride, size)):
            for column in range(min(stride, size)):
                kernel[row, column] += 1 - kernel[row::stride, column::stride].sum()
        yield {"kernel": kernel, "stride": stride}


def _shuffle_layer(x: np.ndarray, grad_y: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    # Phase by phase, with strided slices.
    y, grad_x = np.zeros_like(grad_y), np.zeros_like(x)
    for c in range(grad_y.shape[1]):
        for i in range(factor):
            for j in range(factor):
                channel = c * factor**2 + i * factor + j
                y[:, c, i::factor, j::factor] = x[:, channel]
                grad_x[:, channel] = grad_y[:, c, i::factor, j::factor]
    return y, grad_x


def _shuffle_layer_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(208)
    for n, channels, height, width, factor in (
        (1, 1, 2, 2, 2),
        (1, 1, 2, 3, 3),
        (2, 3, 2, 4, 2),
        (3, 2, 3, 2, 3),
        (1, 4, 5, 3, 1),
    ):
        yield {
            "x": rng.normal(size=(n, channels * factor**2, height, width)),
            "grad_y": rng.normal(size=(n, channels, factor * height, factor * width)),
            "factor": factor,
        }


def _without_replicas(x: np.ndarray, factor: int) -> np.ndarray:
    return np.asarray(scipy.signal.resample(x, factor * len(x)))


def _without_replicas_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(209)
    for length in (1, 3, 9, 25):
        for factor in (1, 2, 3, 4):
            yield {"x": 1 + rng.normal(size=length), "factor": factor}


EXERCISES = {
    "2.7": Exercise("Is it even?", _is_even, _is_even_cases),
    "2.8": Exercise(
        "Pixel shuffle, forward and backward", _shuffle_layer, _shuffle_layer_cases, atol=1e-12
    ),
    "2.9": Exercise("The perfect anti-imaging filter", _without_replicas, _without_replicas_cases),
}
