"""Exercises of chapter 5, second page, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise


def _honest_error(
    validation: np.ndarray,
    validation_masks: np.ndarray,
    test: np.ndarray,
    test_masks: np.ndarray,
    thresholds: list[float],
) -> float:
    # Counting pixel by pixel.
    def wrong(said: np.ndarray, masks: np.ndarray, threshold: float) -> int:
        pairs = zip(said.ravel().tolist(), masks.ravel().tolist(), strict=True)
        return sum((one > threshold) != bool(mask) for one, mask in pairs)

    chosen, fewest = 0.0, validation.size + 1
    for threshold in thresholds:
        count = wrong(validation, validation_masks, threshold)
        if count < fewest:
            chosen, fewest = threshold, count
    return wrong(test, test_masks, chosen) / test.size


def _honest_error_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(507)
    for shift in (-0.2, 0.0, 0.2):
        masks = [rng.integers(0, 2, (2, 8, 8)) for _ in range(2)]
        # Test images are brighter or darker: their own best threshold is another one.
        moves = (0.0, shift)
        said = [
            np.clip(0.3 * mask + 0.35 + move + rng.normal(0, 0.2, mask.shape), 0, 1).round(2)
            for mask, move in zip(masks, moves, strict=True)
        ]
        yield {
            "validation": said[0],
            "validation_masks": masks[0],
            "test": said[1],
            "test_masks": masks[1],
            "thresholds": [0.105, 0.305, 0.405, 0.505, 0.605, 0.705, 0.905],
        }


def _eight_views(image: np.ndarray) -> np.ndarray:
    # By indices: counterclockwise, what stands at (i, j) was at (j, h - 1 - i).
    last = len(image) - 1
    views = []
    for mirrored in (False, True):
        now = [[image[i, last - j if mirrored else j] for j in range(last + 1)]
               for i in range(last + 1)]  # fmt: skip
        for _ in range(4):
            views.append(now)
            now = [[now[j][last - i] for j in range(last + 1)] for i in range(last + 1)]
    return np.array(views)


def _eight_views_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(508)
    for side in (2, 3, 5):
        yield {"image": rng.integers(0, 256, (side, side))}


EXERCISES = {
    "5.7": Exercise("a threshold from elsewhere", _honest_error, _honest_error_cases),
    "5.8": Exercise("a quarter turn costs nothing", _eight_views, _eight_views_cases),
}
