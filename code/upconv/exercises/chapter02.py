"""Exercises of chapter 2, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.ndimage

from upconv.exercises import Exercise


def _transposed_1d(x: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    # Zeros between the inputs, then a full convolution.
    stretched = np.zeros(stride * (len(x) - 1) + 1)
    stretched[::stride] = x
    return np.convolve(stretched, w)


def _transposed_1d_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(201)
    for _ in range(30):
        length, taps, stride = (int(rng.integers(*limits)) for limits in ((1, 8), (1, 6), (1, 5)))
        yield {"x": rng.normal(size=length), "w": rng.normal(size=taps), "stride": stride}


def _right_output_padding(n: int, k: int, s: int, p: int) -> int:
    # By counting how many positions of the window fit, and where the way back ends without it.
    positions = len(range(0, n + 2 * p - k + 1, s))
    return n - ((positions - 1) * s + k - 2 * p)


def _right_output_padding_cases() -> Iterator[dict[str, Any]]:
    yield {"n": 17, "k": 5, "s": 3, "p": 2}
    for n in (8, 9, 10, 31, 32):
        for k, s, p in ((2, 2, 0), (3, 2, 1), (4, 2, 1), (5, 3, 2), (3, 4, 0), (7, 5, 3)):
            yield {"n": n, "k": k, "s": s, "p": p}


def _correlation_matrix(w: np.ndarray, n: int, stride: int) -> np.ndarray:
    # Column j is what the operator does to a unit vector.
    columns = [np.correlate(unit, w, mode="valid")[::stride] for unit in np.eye(n)]
    return np.stack(columns, axis=1)


def _correlation_matrix_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(203)
    for n, taps, stride in ((4, 3, 1), (5, 2, 2), (7, 3, 2), (9, 4, 3), (6, 1, 1), (8, 3, 4)):
        for _ in range(3):
            yield {"w": rng.normal(size=taps), "n": n, "stride": stride}


def _bilinear_at(image: np.ndarray, row: float, column: float) -> float:
    at = [[row], [column]]
    return float(scipy.ndimage.map_coordinates(image, at, order=1, mode="nearest")[0])


def _bilinear_at_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(204)
    image = rng.normal(size=(4, 6))
    places = [(0, 0), (0.5, 0.5), (3, 5), (2.25, 4.75), (-0.4, 2.5), (3.3, 5.4), (1, 2.5), (1.5, 2)]
    for row, column in places + rng.uniform(0, 3, size=(12, 2)).tolist():
        yield {"image": image, "row": float(row), "column": float(column)}


def _is_even(kernel_size: int, stride: int) -> bool:
    counts = np.zeros(40 * stride + kernel_size, dtype=int)
    for start in range(0, 40 * stride, stride):
        counts[start : start + kernel_size] += 1
    middle = counts[15 * stride + kernel_size : 25 * stride]
    return bool(len(set(middle.tolist())) == 1)


def _is_even_cases() -> Iterator[dict[str, Any]]:
    for kernel_size in range(1, 9):
        for stride in range(1, 6):
            yield {"kernel_size": kernel_size, "stride": stride}


def _padding_for(n: int, poolings: int) -> tuple[int, int]:
    # Add one row at a time, at the bottom first, until pooling loses nothing.
    top = bottom = 0
    while True:
        size, whole = n + top + bottom, True
        for _ in range(poolings):
            whole = whole and size % 2 == 0
            size //= 2
        if whole:
            return top, bottom
        if bottom > top:
            top += 1
        else:
            bottom += 1


def _padding_for_cases() -> Iterator[dict[str, Any]]:
    for n in (1, 32, 33, 45, 100, 224, 227, 321):
        for poolings in (1, 2, 3, 5):
            yield {"n": n, "poolings": poolings}


EXERCISES = {
    "2.1": Exercise(
        "A transposed convolution in one dimension", _transposed_1d, _transposed_1d_cases
    ),
    "2.2": Exercise("The right output padding", _right_output_padding, _right_output_padding_cases),
    "2.3": Exercise("The matrix of a convolution", _correlation_matrix, _correlation_matrix_cases),
    "2.4": Exercise("Bilinear, by hand", _bilinear_at, _bilinear_at_cases),
    "2.5": Exercise("Is it even?", _is_even, _is_even_cases),
    "2.6": Exercise("How much to pad", _padding_for, _padding_for_cases),
}
