"""Exercises of page 3b, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise


def _mean_iou(matrix: np.ndarray) -> float:
    # Pixel by pixel, as sets: every pixel a number, every class the set of its pixels.
    count = len(matrix)
    true, said = np.indices((count, count)).reshape(2, -1).repeat(np.ravel(matrix), axis=1)
    scores = []
    for label in range(count):
        a, b = set(np.flatnonzero(true == label)), set(np.flatnonzero(said == label))
        if a | b:
            scores.append(len(a & b) / len(a | b))
    return sum(scores) / len(scores)


def _mean_iou_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(307)
    yield {"matrix": np.array([[3, 1], [2, 4]])}
    yield {"matrix": np.diag([5, 1, 2])}  # all right: 1
    yield {"matrix": np.array([[4, 0, 1], [0, 0, 0], [0, 0, 2]])}  # class 1 occurs nowhere
    yield {"matrix": np.array([[4, 2, 1], [0, 0, 0], [0, 0, 2]])}  # and here it is predicted
    yield {"matrix": np.array([[0, 9], [0, 0]])}  # never found, and false alarms: 0
    for count in (2, 3, 5, 11):
        for _ in range(4):
            matrix = rng.integers(0, 20, (count, count)) * rng.integers(0, 2, (count, count))
            matrix[0, 0] += 1
            yield {"matrix": matrix}


def _class_weights(masks: np.ndarray, classes: int, void: int) -> np.ndarray:
    # Logarithms instead of roots, and the scale from the pixels themselves.
    counts = np.array([np.count_nonzero(masks == label) for label in range(classes)])
    weights = np.exp(-0.5 * np.log(counts))
    seen = masks[masks != void]
    return np.asarray(weights / np.take(weights, seen).mean())


def _class_weights_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(308)
    yield {"masks": np.array([[[0, 0, 0, 1]]]), "classes": 2, "void": 255}
    yield {"masks": np.array([[[0, 1, 1, 1]], [[1, 255, 255, 255]]]), "classes": 2, "void": 255}
    for classes in (2, 3, 11):
        for share in (0.0, 0.3):
            chances = np.sort(rng.dirichlet(np.ones(classes)))
            masks = rng.choice(classes, (3, 20, 30), p=chances)
            masks[0, 0, :classes] = np.arange(classes)  # every class occurs
            masks[1:][rng.random((2, 20, 30)) < share] = 255
            yield {"masks": masks, "classes": classes, "void": 255}


def _ceiling(mask: np.ndarray, stride: int) -> float:
    # Block by block, with sorted labels instead of counts of each class.
    coarse = np.zeros_like(mask)
    for top in range(0, len(mask), stride):
        for left in range(0, mask.shape[1], stride):
            window = (slice(top, top + stride), slice(left, left + stride))
            found, counts = np.unique(mask[window], return_counts=True)
            coarse[window] = found[counts.argmax()]
    scores = [
        ((mask == label) & (coarse == label)).sum() / ((mask == label) | (coarse == label)).sum()
        for label in np.unique(mask)
    ]
    return float(np.mean(scores))


def _ceiling_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(309)
    stripes = np.zeros((8, 8), int)
    stripes[:, 3] = 1  # a pole
    for stride in (1, 2, 4, 8):
        yield {"mask": stripes, "stride": stride}
    for height, width in ((16, 24), (32, 16)):
        blocks = rng.integers(0, 5, (height // 4, width // 4)).repeat(4, 0).repeat(4, 1)
        noisy = np.where(
            rng.random((height, width)) < 0.2, rng.integers(0, 5, (height, width)), blocks
        )
        for stride in (1, 2, 4, 8):
            yield {"mask": blocks, "stride": stride}
            yield {"mask": noisy, "stride": stride}


EXERCISES = {
    "3.7": Exercise("Mean IoU from a confusion matrix", _mean_iou, _mean_iou_cases),
    "3.8": Exercise("Weights for rare classes", _class_weights, _class_weights_cases),
    "3.9": Exercise("The ceiling of a stride", _ceiling, _ceiling_cases),
}
