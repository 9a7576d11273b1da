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


def _right_output_padding(size: int, kernel: int, stride: int, padding: int) -> int:
    # By counting how many positions of the window fit, and where the way back ends without it.
    positions = len(range(0, size + 2 * padding - kernel + 1, stride))
    return size - ((positions - 1) * stride + kernel - 2 * padding)


def _right_output_padding_cases() -> Iterator[dict[str, Any]]:
    yield {"size": 17, "kernel": 5, "stride": 3, "padding": 2}
    for size in (8, 9, 10, 31, 32):
        for k, s, p in ((2, 2, 0), (3, 2, 1), (4, 2, 1), (5, 3, 2), (3, 4, 0), (7, 5, 3)):
            yield {"size": size, "kernel": k, "stride": s, "padding": p}


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


def _padding_for(size: int, poolings: int) -> tuple[int, int]:
    # Add one row at a time, at the bottom first, until pooling loses nothing.
    top = bottom = 0
    while True:
        rest, whole = size + top + bottom, True
        for _ in range(poolings):
            whole = whole and rest % 2 == 0
            rest //= 2
        if whole:
            return top, bottom
        if bottom > top:
            top += 1
        else:
            bottom += 1


def _padding_for_cases() -> Iterator[dict[str, Any]]:
    for size in (1, 32, 33, 45, 100, 224, 227, 321):
        for poolings in (1, 2, 3, 5):
            yield {"size": size, "poolings": poolings}


def _layer(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, g: np.ndarray, stride: int, padding: int,
    dilation: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    # Product by product: one input pixel, one weight, one output pixel.
    y, grad_x, grad_w = np.zeros_like(g), np.zeros_like(x), np.zeros_like(w)
    for p, q in np.ndindex(x.shape[2:]):
        for i, j in np.ndindex(w.shape[2:]):
            row, column = stride * p + dilation * i - padding, stride * q + dilation * j - padding
            if not (0 <= row < g.shape[2] and 0 <= column < g.shape[3]):
                continue
            y[:, :, row, column] += x[:, :, p, q] @ w[:, :, i, j]
            grad_x[:, :, p, q] += g[:, :, row, column] @ w[:, :, i, j].T
            grad_w[:, :, i, j] += x[:, :, p, q].T @ g[:, :, row, column]
    return y + b.reshape(1, -1, 1, 1), grad_x, grad_w, g.sum(axis=3).sum(axis=2).sum(axis=0)


def _layer_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(206)
    settings = (1, 0, 1), (2, 0, 1), (2, 1, 1), (1, 1, 2), (2, 1, 2), (3, 0, 2), (3, 2, 3)
    for stride, padding, dilation in settings:
        for size in (2, 3):
            x = rng.normal(size=(2, 3, 4, 3))
            w, b = rng.normal(size=(3, 2, size, size)), rng.normal(size=2)
            reach = dilation * (size - 1) + 1 - 2 * padding
            g = rng.normal(size=(2, 2, 3 * stride + reach, 2 * stride + reach))
            geometry = {"stride": stride, "padding": padding, "dilation": dilation}
            yield {"x": x, "w": w, "b": b, "g": g, **geometry}


EXERCISES = {
    "2.1": Exercise(
        "A transposed convolution in one dimension", _transposed_1d, _transposed_1d_cases
    ),
    "2.2": Exercise("The right output padding", _right_output_padding, _right_output_padding_cases),
    "2.3": Exercise("The matrix of a convolution", _correlation_matrix, _correlation_matrix_cases),
    "2.4": Exercise("Bilinear, by hand", _bilinear_at, _bilinear_at_cases),
    "2.5": Exercise("How much to pad", _padding_for, _padding_for_cases),
    "2.6": Exercise("The layer, forward and backward", _layer, _layer_cases),
}
