"""Exercises of page 7b, with references that do not use what the page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from upconv.exercises import Exercise

# VGG-19 layer by layer, as its paper's table has it.
_NAMES = [
    f"conv{block}_{number}"
    for block, count in enumerate((2, 2, 4, 4, 4), 1)
    for number in range(1, count + 1)
]


def _true_name(count: int) -> str:
    return _NAMES[count - 1]


def _true_name_cases() -> Iterator[dict[str, Any]]:
    for count in (1, 2, 3, 4, 5, 8, 9, 13, 16):
        yield {"count": count}


def _sees(name: str) -> int:
    # By walking back from one unit: how many units of each layer before it are needed.
    width = 1
    last = None
    for before in reversed(_NAMES[: _NAMES.index(name) + 1]):
        if last is not None and before[:5] != last[:5]:
            width *= 2  # a pooling lies between
        width += 2
        last = before
    return width


def _sees_cases() -> Iterator[dict[str, Any]]:
    for name in ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_4", "conv4_2"):
        yield {"name": name}
    yield {"name": "conv5_1"}
    yield {"name": "conv5_4"}


def _fires_with(maps: np.ndarray, first: int, second: int) -> tuple[float, int, int]:
    best, total = (-np.inf, 0, 0), 0.0
    for row in range(maps.shape[1]):
        for column in range(maps.shape[2]):
            product = float(maps[first, row, column] * maps[second, row, column])
            total += product
            if product > best[0]:
                best = (product, row, column)
    return total, best[1], best[2]


def _fires_with_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(708)
    for shape in ((2, 1, 1), (3, 4, 5), (5, 2, 6), (2, 7, 3)):
        maps = rng.normal(size=shape)
        yield {"maps": maps, "first": 0, "second": 1}
        yield {"maps": maps, "first": shape[0] - 1, "second": shape[0] - 1}


EXERCISES = {
    "7.6": Exercise("which layer is that?", _true_name, _true_name_cases),
    "7.7": Exercise("how far a layer sees", _sees, _sees_cases),
    "7.8": Exercise("one entry of a Gram matrix", _fires_with, _fires_with_cases),
}
