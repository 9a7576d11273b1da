"""Exercises of chapter 3, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise


def _as_kernel(weight: np.ndarray, channels: int, height: int, width: int) -> np.ndarray:
    kernel = np.empty((len(weight), channels, height, width))
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                kernel[:, c, i, j] = weight[:, (c * height + i) * width + j]
    return kernel


def _as_kernel_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(301)
    for _ in range(20):
        outputs, c, h, w = (int(x) for x in rng.integers(1, 5, 4))
        weight = rng.normal(size=(outputs, c * h * w))
        yield {"weight": weight, "channels": c, "height": h, "width": w}


def _as_keras_kernel(weight: np.ndarray, height: int, width: int, channels: int) -> np.ndarray:
    kernel = np.empty((height, width, channels, weight.shape[1]))
    for i in range(height):
        for j in range(width):
            for c in range(channels):
                kernel[i, j, c] = weight[(i * width + j) * channels + c]
    return kernel


def _as_keras_kernel_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(302)
    for _ in range(20):
        outputs, c, h, w = (int(x) for x in rng.integers(1, 5, 4))
        weight = rng.normal(size=(h * w * c, outputs))
        yield {"weight": weight, "height": h, "width": w, "channels": c}


def _mean_iou(matrix: np.ndarray) -> float:
    # From the pixels themselves: a list of (true, said) pairs.
    pairs = [(i, j) for i, j in np.ndindex(*matrix.shape) for _ in range(int(matrix[i, j]))]
    values = []
    for number in range(len(matrix)):
        true = {place for place, (t, _) in enumerate(pairs) if t == number}
        said = {place for place, (_, s) in enumerate(pairs) if s == number}
        values.append(len(true & said) / len(true | said))
    return float(np.mean(values))


def _mean_iou_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(303)
    for classes in (2, 2, 3, 4, 6):
        for _ in range(4):
            yield {"matrix": rng.integers(0, 9, (classes, classes)) + np.eye(classes, dtype=int)}


def _waste(n: int, w: int, k: int) -> float:
    # Counting positions of the kernel, one by one.
    in_window = len(range(0, w - k + 1)) ** 2
    windows = len(range(0, n - w + 1)) ** 2
    return windows * in_window / len(range(0, n - k + 1)) ** 2


def _waste_cases() -> Iterator[dict[str, Any]]:
    for n, w, k in ((64, 29, 5), (224, 65, 3), (10, 10, 3), (12, 5, 5), (100, 9, 1)):
        yield {"n": n, "w": w, "k": k}


EXERCISES = {
    "3.1": Exercise("a dense layer becomes a convolution", _as_kernel, _as_kernel_cases),
    "3.2": Exercise("and in Keras", _as_keras_kernel, _as_keras_kernel_cases),
    "3.3": Exercise("mean IoU", _mean_iou, _mean_iou_cases),
    "3.4": Exercise("what sliding windows waste", _waste, _waste_cases),
}
