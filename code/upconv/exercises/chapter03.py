"""Exercises of chapter 3, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.signal

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


def _dilations(kernels: list[int], strides: list[int]) -> np.ndarray:
    # By following two neighboring units of each layer's input back to the image.
    found = []
    for layer in range(len(kernels)):
        places = np.array([0, 1])
        for stride in reversed(strides[:layer]):
            places = places * stride
        found.append(int(np.ptp(places)))
    return np.array(found)


def _dilations_cases() -> Iterator[dict[str, Any]]:
    yield {"kernels": [3], "strides": [1]}
    yield {"kernels": [3], "strides": [2]}
    yield {"kernels": [3, 3, 2, 3, 3, 2, 7], "strides": [1, 1, 2, 1, 1, 2, 1]}
    rng = np.random.default_rng(303)
    for length in (2, 3, 5, 8):
        kernels, strides = rng.integers(1, 6, length), rng.integers(1, 4, length)
        yield {"kernels": kernels.tolist(), "strides": strides.tolist()}


def _waste(n: int, w: int, k: int) -> float:
    # Counting positions of the kernel, one by one.
    in_window = len(range(0, w - k + 1)) ** 2
    windows = len(range(0, n - w + 1)) ** 2
    return windows * in_window / len(range(0, n - k + 1)) ** 2


def _waste_cases() -> Iterator[dict[str, Any]]:
    for n, w, k in ((64, 29, 5), (224, 65, 3), (10, 10, 3), (12, 5, 5), (100, 9, 1)):
        yield {"n": n, "w": w, "k": k}


def _same(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    # One image, one output and one input channel at a time.
    planes = [
        sum(scipy.signal.correlate2d(plane, k, "same") for plane, k in zip(x[0], w, strict=True))
        + b
        for w, b in zip(weight, bias, strict=True)
    ]
    return np.stack(planes)[None]


Layer = tuple[np.ndarray, np.ndarray]


def _fcn_head(x: np.ndarray, fc6: Layer, fc7: Layer, score: Layer) -> np.ndarray:
    hidden = np.clip(_same(x, *fc6), 0, None)
    return _same(np.clip(_same(hidden, *fc7), 0, None), *score)


def _fcn_head_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(305)
    for inputs, hidden, classes, size, height, width in (
        (1, 1, 1, 1, 1, 1),
        (2, 3, 2, 3, 4, 5),
        (3, 4, 5, 7, 7, 7),
        (4, 2, 3, 5, 2, 6),
    ):
        shapes = {"fc6": (hidden, inputs, size), "fc7": (hidden, hidden, 1)}
        shapes["score"] = (classes, hidden, 1)
        layers = {
            name: (rng.normal(size=(after, before, k, k)), rng.normal(size=after))
            for name, (after, before, k) in shapes.items()
        }
        yield {"x": rng.normal(size=(1, inputs, height, width)), **layers}


def _skip(
    coarse: np.ndarray, pool4: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    # Bilinear: each fine pixel is 3/4 of its own coarse one and 1/4 of the nearer neighbor, zero
    # beyond the border, along rows and then along columns.
    for axis in (2, 3):
        padded = np.pad(coarse, [(0, 0)] * axis + [(1, 1)] + [(0, 0)] * (3 - axis))
        before, own, after = (
            np.take(padded, range(start, start + coarse.shape[axis]), axis) for start in range(3)
        )
        pair = np.stack([0.75 * own + 0.25 * before, 0.75 * own + 0.25 * after], axis + 1)
        shape = list(coarse.shape)
        shape[axis] *= 2
        coarse = pair.reshape(shape)
    scores = np.einsum("oc,nchw->nohw", weight[..., 0, 0], pool4)
    return np.asarray(coarse + scores + bias[:, None, None])


def _skip_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(306)
    for classes, channels, height, width in (
        (1, 1, 1, 1),
        (2, 3, 2, 3),
        (5, 4, 7, 7),
        (3, 8, 4, 1),
    ):
        yield {
            "coarse": rng.normal(size=(1, classes, height, width)),
            "pool4": rng.normal(size=(1, channels, 2 * height, 2 * width)),
            "weight": rng.normal(size=(classes, channels, 1, 1)),
            "bias": rng.normal(size=classes),
        }


EXERCISES = {
    "3.1": Exercise("a dense layer becomes a convolution", _as_kernel, _as_kernel_cases),
    "3.2": Exercise("and in Keras", _as_keras_kernel, _as_keras_kernel_cases),
    "3.3": Exercise("the dilated twin", _dilations, _dilations_cases),
    "3.4": Exercise("what sliding windows waste", _waste, _waste_cases),
    # A right answer in single precision is right.
    "3.5": Exercise("the head of an FCN", _fcn_head, _fcn_head_cases, rtol=1e-4, atol=1e-4),
    "3.6": Exercise("a skip", _skip, _skip_cases, rtol=1e-4, atol=1e-5),
}
