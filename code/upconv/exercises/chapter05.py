"""Exercises of chapter 5, with references that do not use what the chapter shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.signal import correlate2d
from skimage.metrics import contingency_table

from upconv.exercises import Exercise


def _fits(size: int, depth: int) -> bool:
    # By the formula for the sizes that work, from the smallest number of pixels at the bottom.
    step = 2**depth
    lowest = next(b for b in range(1, 10_000) if step * b - 4 * (step - 1) > 0)
    least = step * (lowest + 4) + 4 * (step - 1)
    return size >= least and (size - least) % step == 0


def _fits_cases() -> Iterator[dict[str, Any]]:
    for size, depth in (
        (572, 4),
        (570, 4),
        (188, 4),
        (172, 4),
        (92, 3),
        (96, 3),
        (100, 3),
        (44, 2),
    ):
        yield {"size": size, "depth": depth}
    for size in (20, 24, 30, 40, 41):
        yield {"size": size, "depth": 1}


def _middle_weight(width: int, w0: float, sigma: float) -> float:
    # By distance transforms of a drawn wall.
    row = np.ones((1, width + 20))
    row[:, 10 : 10 + width] = 0
    left, right = row.copy(), row.copy()
    left[:, 10 + width :] = 0
    right[:, :10] = 0
    middle = 10 + width // 2
    distances = [distance_transform_edt(side == 0)[0, middle] for side in (left, right)]
    return float(w0 * np.exp(-(sum(distances) ** 2) / (2 * sigma**2)))


def _middle_weight_cases() -> Iterator[dict[str, Any]]:
    for width, w0, sigma in ((1, 10.0, 5.0), (3, 10.0, 5.0), (7, 10.0, 5.0), (5, 2.0, 3.0)):
        yield {"width": width, "w0": w0, "sigma": sigma}


def _mirror(place: int, size: int) -> int:
    # By NumPy's padding.
    rim = abs(place) + size
    line = np.pad(np.arange(size), rim, mode="reflect")
    return int(line[rim + place])


def _mirror_cases() -> Iterator[dict[str, Any]]:
    for place, size in (
        (3, 5),
        (-1, 5),
        (-4, 5),
        (5, 5),
        (9, 5),
        (-13, 5),
        (100, 7),
        (2, 2),
        (-3, 2),
    ):
        yield {"place": place, "size": size}


def _v_rand(truth: np.ndarray, found: np.ndarray) -> float:
    table = contingency_table(found, truth, normalize=True).toarray()
    pairs = (table**2).sum()
    precision = pairs / (table.sum(1) ** 2).sum()
    recall = pairs / (table.sum(0) ** 2).sum()
    return float(2 * precision * recall / (precision + recall))


def _v_rand_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(504)
    truth = np.repeat([[1, 1, 2, 3]], 4, axis=0)
    yield {"truth": truth, "found": truth}
    yield {"truth": truth, "found": np.ones_like(truth)}
    for _ in range(5):
        yield {"truth": rng.integers(1, 5, (6, 7)), "found": rng.integers(1, 4, (6, 7))}


def _depth_for(reach: int) -> int:
    # By walking what is lost: two convolutions of two pixels at each level, both ways.
    depth = 1
    while True:
        lost = sum(2 * 2 * 2**level for level in range(depth)) + 2 * 2**depth
        if lost >= reach:
            return depth
        depth += 1


def _depth_for_cases() -> Iterator[dict[str, Any]]:
    for reach in (1, 8, 9, 20, 21, 44, 92, 93, 500):
        yield {"reach": reach}


Layer = tuple[np.ndarray, np.ndarray]  # weight and bias


def _level(x: np.ndarray, skip: np.ndarray, up: Layer, conv1: Layer, conv2: Layer) -> np.ndarray:
    # Sum by sum. In a transposed convolution of stride 2 and kernel 2, nothing overlaps.
    weight, bias = up
    height, width = 2 * x.shape[2], 2 * x.shape[3]
    large = np.empty((weight.shape[1], height, width))
    for i in range(2):
        for j in range(2):
            large[:, i::2, j::2] = np.tensordot(weight[:, :, i, j], x[0], (0, 0))
    top, left = (skip.shape[2] - height) // 2, (skip.shape[3] - width) // 2
    joined = [skip[0, :, top : top + height, left : left + width], large + bias[:, None, None]]
    maps = np.concatenate(joined)
    for weight, bias in (conv1, conv2):
        found = [
            sum(correlate2d(one, kernel, "valid") for one, kernel in zip(maps, row, strict=True))
            for row in weight
        ]
        maps = np.maximum(np.stack(found) + bias[:, None, None], 0)
    return maps[None]


def _level_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(506)
    for channels, height, width, more in ((1, 4, 4, 0), (2, 5, 4, 4), (3, 6, 7, 8)):

        def layer(*shape: int, out: int) -> Layer:
            return rng.normal(size=shape), rng.normal(size=out)

        yield {
            "x": rng.normal(size=(1, 2 * channels, height, width)),
            "skip": rng.normal(size=(1, channels, 2 * height + more, 2 * width + more)),
            "up": layer(2 * channels, channels, 2, 2, out=channels),
            "conv1": layer(channels, 2 * channels, 3, 3, out=channels),
            "conv2": layer(channels, channels, 3, 3, out=channels),
        }


EXERCISES = {
    "5.1": Exercise("does it fit?", _fits, _fits_cases),
    "5.2": Exercise("the weight of a wall", _middle_weight, _middle_weight_cases),
    "5.3": Exercise("mirror, mirror", _mirror, _mirror_cases),
    "5.4": Exercise("together or apart?", _v_rand, _v_rand_cases),
    "5.5": Exercise("how deep must it be?", _depth_for, _depth_for_cases),
    "5.6": Exercise("one level of the U", _level, _level_cases),
}
