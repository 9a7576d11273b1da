"""Exercises of chapter 7, with references that do not use what the chapter shows."""

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


def _gram_last(maps: np.ndarray) -> np.ndarray:
    # Product by product, summed over all places.
    channels = maps.shape[-1]
    found = np.zeros((channels, channels))
    for row in maps:
        for place in row:
            found += np.outer(place, place)
    return found


def _gram_last_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(702)
    for shape in ((1, 1, 3), (2, 5, 4), (6, 3, 2), (4, 4, 1)):
        yield {"maps": rng.normal(size=shape)}


def _layer_energy(drawn: np.ndarray, style: np.ndarray, rows: int, columns: int) -> float:
    total = 0.0
    for ours, theirs in zip(drawn.flat, style.flat, strict=True):
        total += ((ours - theirs) / (2 * rows * columns * len(drawn))) ** 2
    return total


def _layer_energy_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(703)
    for channels, rows, columns in ((1, 1, 1), (2, 3, 5), (5, 8, 4), (7, 2, 2)):
        drawn, style = rng.normal(size=(2, channels, channels)) * 10
        yield {"drawn": drawn, "style": style, "rows": rows, "columns": columns}


def _pull_of_content(drawn: np.ndarray, content: np.ndarray) -> np.ndarray:
    # By differences of the energy itself; it is a parabola on either side of zero.
    def energy(maps: np.ndarray) -> float:
        return 0.5 * float(((maps.clip(0) - content.clip(0)) ** 2).sum())

    found, step = np.zeros_like(drawn), 1e-5
    for place in np.ndindex(drawn.shape):
        moved = np.zeros_like(drawn)
        moved[place] = step
        found[place] = (energy(drawn + moved) - energy(drawn - moved)) / (2 * step)
    return found


def _pull_of_content_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(704)
    for shape in ((1, 2, 2), (3, 2, 4), (2, 3, 3)):
        drawn, content = rng.normal(size=(2, *shape))
        # Away from the kink, where there is no derivative.
        yield {"drawn": drawn + 0.01 * np.sign(drawn), "content": content}


def _keep_colours(drawn: np.ndarray, content: np.ndarray) -> np.ndarray:
    # Through YIQ and back: the drawing's Y, the content's I and Q.
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    # The rows of I and Q are rounded in the standard; grey has to have none of either.
    to_yiq[1:] -= to_yiq[1:].sum(1, keepdims=True) / 3
    mixed = content @ to_yiq.T
    mixed[..., 0] = (drawn @ to_yiq.T)[..., 0]
    return mixed @ np.linalg.inv(to_yiq).T


def _keep_colours_cases() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(705)
    for shape in ((1, 1, 3), (2, 4, 3), (5, 3, 3)):
        drawn, content = rng.random((2, *shape))
        yield {"drawn": drawn, "content": content}
    yield {"drawn": drawn, "content": drawn}


EXERCISES = {
    "7.1": Exercise("which layer is that?", _true_name, _true_name_cases),
    "7.2": Exercise("Gram, channels last", _gram_last, _gram_last_cases),
    "7.3": Exercise("the energy of a layer", _layer_energy, _layer_energy_cases),
    "7.4": Exercise(
        "where the ReLU stops the pull",
        _pull_of_content,
        _pull_of_content_cases,
        rtol=1e-5,
        atol=1e-7,
    ),
    "7.5": Exercise("its own colours", _keep_colours, _keep_colours_cases),
}
